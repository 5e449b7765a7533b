"""Ears that hear what they were told to: for tests of the rooms that listen."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

import numpy as np
import numpy.typing as npt

from voicechat.asr.port import EARS_RATE_HZ, EarsError, HeardWord, RecognitionStream, Transcript
from voicechat.asr.slack import VoiceSlack


def scripted_transcript(text: str, audio_s: float, *, is_final: bool = True) -> Transcript:
    """A transcript of `text` whose words share the utterance evenly."""
    spoken = text.split()
    step_s = audio_s / len(spoken) if spoken else 0.0
    words = tuple(HeardWord(word, i * step_s, (i + 1) * step_s) for i, word in enumerate(spoken))
    return Transcript(text, "en", audio_s, 0.0, words, is_final)


class ScriptedStream:
    """A stream whose flushes take their transcripts from the script of its ears."""

    def __init__(self, script: deque[str | EarsError], *, interims: bool) -> None:
        self._script = script
        self._interims = interims
        self._results: asyncio.Queue[Transcript | EarsError | None] = asyncio.Queue()
        self._samples = 0
        self.pushed_samples = 0
        self.flushes = 0
        self.clears = 0

    def push(self, pcm: npt.NDArray[np.int16]) -> None:
        """Count the audio; with interims, hear the first word of what comes next."""
        self._samples += pcm.size
        self.pushed_samples += pcm.size
        following = self._script[0] if self._script else ""
        if self._interims and isinstance(following, str) and following:
            self._results.put_nowait(scripted_transcript(following.split()[0], self._audio_s, is_final=False))

    def flush(self) -> None:
        """Hear the next line of the script; nothing once it is at its end."""
        heard = self._script.popleft() if self._script else ""
        self.flushes += 1
        self._results.put_nowait(heard if isinstance(heard, EarsError) else scripted_transcript(heard, self._audio_s))
        self._samples = 0

    def clear(self) -> None:
        """Forget the utterance; the script stands still."""
        self.clears += 1
        self._samples = 0

    async def aclose(self) -> None:
        """End the iteration."""
        self._results.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        """Transcripts in order; a scripted `EarsError` is raised in its place."""
        while (result := await self._results.get()) is not None:
            if isinstance(result, EarsError):
                raise result
            yield result

    @property
    def _audio_s(self) -> float:
        return self._samples / EARS_RATE_HZ


class ScriptedEars:
    """Ears that hear the lines of `script` one after another, over all their streams; an `EarsError` is raised."""

    def __init__(self, script: Iterable[str | EarsError] = (), *, interims: bool = False) -> None:
        self.script: deque[str | EarsError] = deque(script)
        self.streams: list[ScriptedStream] = []
        self.recordings: list[npt.NDArray[np.int16]] = []
        self.slack = VoiceSlack()
        self._interims = interims

    def stream(self, language: str | None = None) -> RecognitionStream:
        """Another stream on the same script."""
        self.streams.append(ScriptedStream(self.script, interims=self._interims))
        return self.streams[-1]

    async def transcribe(
        self, pcm: npt.NDArray[np.int16], language: str | None = None, *, words: bool = False
    ) -> Transcript:
        """The next line of the script."""
        self.recordings.append(pcm)
        heard = self.script.popleft() if self.script else ""
        if isinstance(heard, EarsError):
            raise heard
        return scripted_transcript(heard, pcm.size / EARS_RATE_HZ)

    async def aclose(self) -> None:
        """End every stream."""
        for stream in self.streams:
            await stream.aclose()
