"""A telephone line to an assistant, as callers meet it: sound goes in, sound and a few signals come out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from voicechat.audio.pcm import Pcm16


@dataclass(frozen=True, slots=True)
class SpeechNoticed:
    """The assistant says that it hears the caller speak."""


@dataclass(frozen=True, slots=True)
class TurnTaken:
    """The assistant says that the caller's turn is over. `turn_id` names it in `Transcribed`."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The caller's words as they are understood so far, all of them."""

    turn_id: str
    text: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class ReplyBegan:
    """A reply is on its way."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class ReplySound:
    """Samples of a reply, at `RATE_HZ`."""

    reply_id: str
    item_id: str
    pcm: Pcm16


@dataclass(frozen=True, slots=True)
class SoundVoid:
    """What came of this item and was not heard is void."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ReplyOver:
    """Nothing more comes of the reply."""

    reply_id: str
    completed: bool


@dataclass(frozen=True, slots=True)
class Paused:
    """The assistant says that it holds its reply, to learn what the caller wants."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the assistant itself says of where a turn's time went, ms; told beside, never used."""

    reply_id: str
    stages_ms: dict[str, float] = field(default_factory=dict)
    starts_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The assistant reports an error."""

    message: str


Signal = (
    SpeechNoticed
    | TurnTaken
    | Transcribed
    | ReplyBegan
    | ReplySound
    | SoundVoid
    | ReplyOver
    | Paused
    | Measured
    | Failed
)


@dataclass(frozen=True, slots=True)
class TimedSignal:
    """A signal and when it came, s on the event loop's clock."""

    at_s: float
    signal: Signal


class Line(Protocol):
    """An open call."""

    async def send(self, pcm: Pcm16) -> None:
        """20 ms of the caller's sound, int16 mono at `RATE_HZ`."""

    def signals(self) -> AsyncIterator[TimedSignal]:
        """What the assistant sends, as it comes."""

    async def played(self, item_id: str, position_ms: int) -> None:
        """Report what was heard, where the assistant wants to know."""

    async def hush(self) -> None:
        """The caller has heard enough: the reply is to stop."""

    async def history(self, item_id: str) -> str | None:
        """What the assistant remembers to have said in an item; None where it does not tell."""


@dataclass(frozen=True, slots=True)
class CallWish:
    """What a caller asks of the assistant.

    Attributes:
        instructions: For the mind; None leaves the assistant's own.
        max_output_tokens: Of each reply; None leaves the assistant's own.
    """

    instructions: str | None = None
    max_output_tokens: int | None = None


class Assistant(Protocol):
    """Something that can be called."""

    @property
    def name(self) -> str:
        """As in reports."""

    @property
    def settings(self) -> dict[str, Any]:
        """What it was told, for the report."""

    def call(self, wish: CallWish) -> AbstractAsyncContextManager[Line]:
        """Open a line. Raises `ClientError` when nobody answers."""
