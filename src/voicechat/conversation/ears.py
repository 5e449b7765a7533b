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

ONSET_MARGIN_MS = 150
"""Audio kept beyond the prefix padding: what passes before voice activity is sure of itself."""


class Listener(Protocol):
    """Who decides what recognised words mean."""

    def asked(self) -> None:
        """An utterance was closed; a final transcript or an error follows."""

    def heard(self, transcript: Transcript) -> str:
        """A final transcript; returns the words that take a turn, or nothing."""

    def hearing(self, text: str) -> None:
        """Words so far, still open to change."""


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
        self._keep_samples = EARS_RATE_HZ
        self._recognition: RecognitionStream | None = None
        self._speaking = False

    def begin(self, prefix_ms: int) -> None:
        """Speech was noticed: the last `prefix_ms` of audio open an utterance."""
        if self._speaking or self._recognition is None:
            return
        self._speaking = True
        wanted = prefix_ms * EARS_RATE_HZ // 1000
        recent = np.concatenate(self._recent) if self._recent else np.zeros(0, np.int16)
        self._forget()
        self._recognition.push(recent[-wanted:])

    async def _run(self) -> None:
        recognition = self._recognition = self._ears.stream(self._asked_language)
        feeder = asyncio.create_task(self._feed(recognition), name="audio to the ears")
        try:
            async for transcript in recognition:
                self._take(transcript)
        except EarsError as error:
            raise APIConnectionError(str(error), retryable=False) from error
        finally:
            self._recognition = None
            self._speaking = False
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)
            await recognition.aclose()

    async def _feed(self, recognition: RecognitionStream) -> None:
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                self._hear(np.frombuffer(item.data, dtype=np.int16), recognition)
            else:
                self._speaking = False
                self._listener.asked()
                recognition.flush()
        await recognition.aclose()

    def _hear(self, pcm: Pcm16, recognition: RecognitionStream) -> None:
        if self._speaking:
            recognition.push(pcm)
            return
        self._recent.append(pcm)
        self._recent_samples += pcm.size
        while self._recent_samples - self._recent[0].size >= self._keep_samples:
            self._recent_samples -= self._recent.popleft().size

    def _forget(self) -> None:
        self._recent.clear()
        self._recent_samples = 0

    def _take(self, transcript: Transcript) -> None:
        if not transcript.is_final:
            self._listener.hearing(transcript.text.strip())
            return
        text = self._listener.heard(transcript)
        heard = stt.SpeechData(language=LanguageCode(transcript.language or ""), text=text, confidence=1.0)
        self._event_ch.send_nowait(stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[heard]))
