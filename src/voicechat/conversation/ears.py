"""The ears as the engine meets them: only speech is recognised, and only what takes a turn is passed on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectionError, stt
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr

from voicechat.asr.port import EARS_RATE_HZ, Ears, EarsError, RecognitionStream, Transcript
from voicechat.audio.pcm import Pcm16
from voicechat.conversation.microphone import FOR_WORDS

ONSET_MARGIN_MS = 150
"""Audio kept beyond the prefix padding: what passes before voice activity is sure of itself."""
RECENT_S = 1.0
"""Audio kept while nobody speaks."""
WHOLE_TURN_S = 20.0
"""A turn that goes on after a pause is recognised anew as a whole up to this length: short pieces are misheard."""


class Listener(Protocol):
    """Who decides what recognised words mean."""

    def asked(self) -> None:
        """An utterance was closed; a final transcript or an error follows."""

    def heard(self, transcript: Transcript, *, whole: bool, superseded: bool) -> str:
        """A final transcript; returns the words of the turn, or nothing where they take none.

        `whole`: of all that the turn holds so far, instead of its last stretch. `superseded`: the person went on, and
        another follows that covers this one.
        """

    def hearing(self, transcript: Transcript, *, whole: bool) -> str:
        """Words so far, still open to change; returns the words of the turn where a reply to them may be prepared."""


class SessionEars(stt.STT[Any]):
    """One conversation's speech recognition on the shared ears."""

    def __init__(self, ears: Ears, listener: Listener, language: Callable[[], str | None]) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=False, manual_flush=True
            )
        )
        self._ears = ears
        self._listener = listener
        self._language = language
        self._prefix_ms = 300
        self._open: EarsStream | None = None

    @property
    def provider(self) -> str:
        """Who listens."""
        return "voicechat"

    def pad(self, prefix_ms: int) -> None:
        """Recognise this much of the audio before speech was noticed."""
        self._prefix_ms = prefix_ms

    def speech_began(self) -> None:
        """From the prefix on, audio is an utterance until the engine flushes."""
        if self._open is not None:
            self._open.begin(self._prefix_ms + ONSET_MARGIN_MS)

    def ask_now(self) -> None:
        """The words of what was said are wanted before the engine flushes."""
        if self._open is not None:
            self._open.flush()

    def turn_over(self) -> None:
        """The next utterance begins another turn."""
        if self._open is not None:
            self._open.forget_turn()

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        """The stream that the engine keeps for the conversation."""
        self._open = EarsStream(self, self._ears, self._listener, self._language(), conn_options)
        return self._open

    async def _recognize_impl(
        self, buffer: Any, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        raise NotImplementedError("a conversation listens in streams; recordings go to Ears.transcribe")


class EarsStream(stt.RecognizeStream):
    """Feeds utterances to a `RecognitionStream` and its transcripts to the listener."""

    def __init__(
        self, owner: stt.STT[Any], ears: Ears, listener: Listener, language: str | None, conn_options: APIConnectOptions
    ) -> None:
        super().__init__(stt=owner, conn_options=conn_options, sample_rate=EARS_RATE_HZ)
        self._ears = ears
        self._listener = listener
        self._asked_language = language
        self._recent: deque[Pcm16] = deque()
        self._recent_samples = 0
        self._turn: list[Pcm16] = []
        self._turn_samples = 0
        self._whole = False
        self._asked: deque[bool] = deque()
        self._recognition: RecognitionStream | None = None
        self._refusal: EarsError | None = None
        self._speaking = False

    def begin(self, prefix_ms: int) -> None:
        """Speech was noticed: the turn so far, or else the last `prefix_ms` of audio, opens an utterance."""
        if self._speaking or self._recognition is None:
            return
        self._speaking = True
        recent = np.concatenate(self._recent) if self._recent else np.zeros(0, np.int16)
        self._recent.clear()
        self._recent_samples = 0
        self._whole = 0 < self._turn_samples <= WHOLE_TURN_S * EARS_RATE_HZ
        if self._whole:
            for pcm in self._turn:
                self._recognition.push(pcm)
        else:
            self.forget_turn()
            recent = recent[-(prefix_ms * EARS_RATE_HZ // 1000) :]
        self._keep(recent, self._recognition)

    def forget_turn(self) -> None:
        """What was said so far is not part of what comes."""
        self._turn = []
        self._turn_samples = 0

    async def _run(self) -> None:
        recognition = self._recognition = self._ears.stream(self._asked_language)
        feeder = asyncio.create_task(self._feed(recognition), name="audio to the ears")
        try:
            async for transcript in recognition:
                self._take(transcript)
            if self._refusal is not None:
                raise self._refusal
        except EarsError as error:
            raise APIConnectionError(str(error), retryable=False) from error
        finally:
            self._recognition = None
            self._speaking = False
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)
            await recognition.aclose()

    async def _feed(self, recognition: RecognitionStream) -> None:
        try:
            async for item in self._input_ch:
                if isinstance(item, rtc.AudioFrame):
                    self._hear(_for_words(item), recognition)
                else:
                    self._close_utterance(recognition)
        except EarsError as error:
            self._refusal = error
        await recognition.aclose()

    def _close_utterance(self, recognition: RecognitionStream) -> None:
        """Ask for the words of what was said, once: the floor and the engine may both want them."""
        if not self._speaking:
            return
        self._speaking = False
        self._asked.append(self._whole)
        self._listener.asked()
        recognition.flush()

    def _hear(self, pcm: Pcm16, recognition: RecognitionStream) -> None:
        if self._speaking:
            self._keep(pcm, recognition)
            return
        self._recent.append(pcm)
        self._recent_samples += pcm.size
        while self._recent_samples - self._recent[0].size >= RECENT_S * EARS_RATE_HZ:
            self._recent_samples -= self._recent.popleft().size

    def _keep(self, pcm: Pcm16, recognition: RecognitionStream) -> None:
        recognition.push(pcm)
        self._turn_samples += pcm.size
        if self._turn_samples <= WHOLE_TURN_S * EARS_RATE_HZ:
            self._turn.append(pcm)

    def _take(self, transcript: Transcript) -> None:
        if not transcript.is_final:
            if text := self._listener.hearing(transcript, whole=self._whole):
                self._tell(stt.SpeechEventType.PREFLIGHT_TRANSCRIPT, text, transcript)
            return
        whole = self._asked.popleft() if self._asked else False
        later = [*self._asked, self._whole] if self._speaking else self._asked
        text = self._listener.heard(transcript, whole=whole, superseded=any(later))
        self._tell(stt.SpeechEventType.FINAL_TRANSCRIPT, text, transcript)

    def _tell(self, kind: stt.SpeechEventType, text: str, transcript: Transcript) -> None:
        heard = stt.SpeechData(language=LanguageCode(transcript.language or ""), text=text, confidence=1.0)
        self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=[heard]))


def _for_words(frame: rtc.AudioFrame) -> Pcm16:
    """A frame's audio as the microphone gives it to the ears; the engine's own frames hold nothing else."""
    pcm: Pcm16 | None = frame.userdata.get(FOR_WORDS)
    return np.frombuffer(frame.data, dtype=np.int16) if pcm is None else pcm
