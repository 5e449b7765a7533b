"""A room as a call meets it: who is there, what they do, and what the agent can do in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from voicechat.audio.pcm import Pcm16

TakeSound = Callable[[Pcm16, int], None]
"""Takes int16 mono samples and their rate, Hz."""


@dataclass(frozen=True, slots=True)
class PersonCame:
    """Somebody to talk with is in the room: a browser, an app, a telephone."""

    identity: str


@dataclass(frozen=True, slots=True)
class PersonLeft:
    """The person's connection is gone."""

    identity: str


@dataclass(frozen=True, slots=True)
class AgentCame:
    """Another agent of ours is in the room. `is_older`: it was there before this one."""

    identity: str
    is_older: bool


@dataclass(frozen=True, slots=True)
class AgentLeft:
    """It is gone."""

    identity: str


@dataclass(frozen=True, slots=True)
class TextTyped:
    """Somebody typed a message, on `lk.chat`."""

    identity: str
    text: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A telephone sent a DTMF digit: 0 to 9, *, #, A to D."""

    identity: str
    digit: str


@dataclass(frozen=True, slots=True)
class HushAsked:
    """Somebody has heard enough: `{"type": "voicechat.hush"}` as a data packet on `voicechat`."""

    identity: str


RoomEvent = PersonCame | PersonLeft | AgentCame | AgentLeft | TextTyped | KeyPressed | HushAsked


class RoomError(Exception):
    """The room cannot be entered, or something cannot be done in it; the text says why."""


class FunctionError(Exception):
    """A function of the person's client failed; the text is its complaint."""


class UnsignedError(Exception):
    """A webhook's event that does not come from the installation's LiveKit server."""


class MalformedError(Exception):
    """A webhook's body that is no event."""


class Room(Protocol):
    """A room that was entered. What talks to the network raises `RoomError` when it fails or takes too long."""

    @property
    def identity(self) -> str:
        """The agent's own."""

    def events(self) -> AsyncIterator[RoomEvent]:
        """What happens, beginning with those who are there already; ends when the room is gone."""

    def listen_to(self, identity: str | None, take: TakeSound) -> None:
        """Hear this person's microphone, whichever it is, and nobody else's; None: nobody's."""

    async def heard_by(self, timeout_s: float) -> bool:
        """Wait until somebody receives the agent's track, `timeout_s` at most; whether somebody does."""

    async def play(self, pcm: Pcm16) -> None:
        """Put 24 kHz samples on the agent's track."""

    def fall_silent(self) -> None:
        """Drop what was put there and has not left yet."""

    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Show attributes of the agent to everybody."""

    async def open_words(self, attributes: Mapping[str, str]) -> WordsStream:
        """Begin a text stream of the agent's on `lk.transcription`."""

    async def send_words(self, text: str, speaker: str, attributes: Mapping[str, str]) -> None:
        """Send a whole text on `lk.transcription`, as said by `speaker`."""

    async def send_event(self, event: str) -> None:
        """Send a data packet on `voicechat`."""

    async def call_function(self, identity: str, name: str, arguments: str) -> str:
        """Let the program that is here for it, else the person's client, run a function. Raises `FunctionError`."""

    def track_of(self, identity: str) -> str:
        """The id of the track that words of this participant belong to; empty while there is none."""

    async def leave(self) -> None:
        """Be gone; harmless when the room is."""


class WordsStream(Protocol):
    """A text stream that grows."""

    async def write(self, text: str) -> None:
        """Add to it."""

    async def close(self, attributes: Mapping[str, str]) -> None:
        """End it."""
