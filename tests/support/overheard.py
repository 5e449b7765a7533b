"""A fleet whose word times are written down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from voicechat.fleet.port import SpeechEvent, SpeechRequest, SpeechStream, SpokenWord, VoiceFleet, WordsTimed


class _OverheardStream:
    def __init__(self, stream: SpeechStream, words: list[SpokenWord]) -> None:
        self._stream = stream
        self._words = words

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def __aiter__(self) -> AsyncIterator[SpeechEvent]:
        async for event in self._stream:
            if isinstance(event, WordsTimed):
                self._words.extend(event.words)
            yield event


class OverheardFleet:
    """Passes everything on to `inner`; `replies` holds each reply's words with their times."""

    def __init__(self, inner: VoiceFleet) -> None:
        self._inner = inner
        self.replies: list[list[SpokenWord]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechStream]:
        """Open a reply on the inner fleet."""
        words: list[SpokenWord] = []
        self.replies.append(words)
        async with self._inner.speak(request) as stream:
            yield cast(SpeechStream, _OverheardStream(stream, words))
