"""A conversation as a transport meets it: audio and commands in, events out.

The transport owns the wire, the conversation owns time: audio events are paced by the playout clock, so a transport
sends each as it comes. All calls are made on the event loop; none of the plain methods blocks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from voicechat.conversation.items import Item


class ConversationState(StrEnum):
    """What the assistant is doing."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"


REPLYING = frozenset({ConversationState.THINKING, ConversationState.SPEAKING, ConversationState.INTERRUPTED})
"""States in which a reply is not over."""


class ReplyStatus(StrEnum):
    """How a reply ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


# --- what a transport configures


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """Server-side turn taking. `None` in its place means manual turns: the client commits and asks for replies.

    `unfinished_ms`: a model judges whether the person has finished; `silence_duration_ms` ends a turn that has, and
    this much silence one that has not. None: `silence_duration_ms` ends every turn.
    """

    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int
    unfinished_ms: int | None = None
    create_response: bool = True
    interrupt_response: bool = True


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function that the client runs. `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConversationConfig:
    """Everything that a client may choose, and change in the middle.

    `greets`: whether the greeting of the settings is said at the start, which one that goes on elsewhere does without.
    """

    instructions: str
    voice: str
    turn_detection: TurnDetection | None
    language: str | None = None
    speed: float = 1.0
    audio_reply: bool = True
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: Literal["auto", "none", "required"] | str = "auto"
    temperature: float | None = None
    max_output_tokens: int | None = None
    greets: bool = True


# --- events


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The assistant's state moved."""

    state: ConversationState


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The person began to speak, `at_ms` into the input audio (padding included).

    After a pause that did not end the turn, the same item begins again.
    """

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The person fell silent; the turn is decided later, or goes on."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """The person's turn is an item of the conversation; its transcript follows or has been sent."""

    item_id: str
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class TurnDiscarded:
    """Speech that took no turn: nothing recognised, or a backchannel over the reply."""

    item_id: str


@dataclass(frozen=True, slots=True)
class UserTranscript:
    """The person's words. Interim texts replace each other."""

    item_id: str
    text: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The assistant begins a reply, item `item_id`."""

    reply_id: str
    item_id: str
    previous_item_id: str | None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ReplyText:
    """More words of the reply, sent no later than their audio."""

    reply_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """The next 20 ms (or less, at the end) of the reply: int16, mono, 24 kHz, gain applied.

    `offset_ms` is its place on the item's own clock, which stands still while playout is paused.
    """

    reply_id: str
    item_id: str
    pcm: npt.NDArray[np.int16]
    offset_ms: float


@dataclass(frozen=True, slots=True)
class ReplyCleared:
    """Everything sent and not yet played is void: the client must fall silent now."""

    reply_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class ReplyToolCall:
    """The reply asks the client to run a function; answer with `tool_output` and `create_reply`."""

    reply_id: str
    item_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """The last event of a reply. `text` is what was heard where it was cut, all of it otherwise."""

    reply_id: str
    item_id: str
    status: ReplyStatus
    reason: str
    text: str
    audio_ms: int
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    """History of an item now ends with what was heard."""

    item_id: str
    audio_end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class TurnMeasured:
    """Latency of one reply by stage, ms.

    `total` runs from the end of the speech that it answers, or from the request of the reply, to its first audio sent.
    `starts_ms` says when each stage began on the same clock; stages overlap. `trace_id`: its trace, where one is kept.
    """

    reply_id: str
    stages_ms: Mapping[str, float]
    starts_ms: Mapping[str, float] = field(default_factory=dict)
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationFailed:
    """Something went wrong. The conversation goes on unless `fatal`."""

    message: str
    code: str
    fatal: bool = False


ConversationEvent = (
    StateChanged
    | SpeechBegan
    | SpeechEnded
    | TurnCommitted
    | TurnDiscarded
    | UserTranscript
    | ReplyStarted
    | ReplyText
    | ReplyAudio
    | ReplyCleared
    | ReplyToolCall
    | ReplyFinished
    | ItemTruncated
    | TurnMeasured
    | ConversationFailed
)


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One item of the conversation as the mind sees it."""

    id: str
    role: Literal["user", "assistant", "system", "tool"]
    text: str


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """Overrides for one reply. None: as the conversation is configured."""

    instructions: str | None = None
    tool_choice: str | None = None
    audio_reply: bool | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class CommandRefused(Exception):
    """A command does not fit the moment or names nothing; `code` is for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Conversation(Protocol):
    """One person and the assistant. Commands raise `CommandRefused`; the conversation lives on."""

    @property
    def state(self) -> ConversationState:
        """What the assistant is doing."""

    @property
    def history(self) -> Sequence[HistoryItem]:
        """The conversation so far; replies that were cut hold what was heard."""

    def events(self) -> AsyncIterator[ConversationEvent]:
        """Events in order, once; ends after `aclose`.

        The queue behind it is bounded: a reader that falls 30 s behind ends the conversation.
        """

    def push_audio(self, pcm: npt.NDArray[np.int16], sample_rate_hz: int) -> None:
        """Take microphone audio, int16 mono, at the pace of real time."""

    def commit_turn(self) -> None:
        """Manual turns: what was pushed is a turn."""

    def clear_turn(self) -> None:
        """Forget what was pushed and not committed."""

    def create_reply(self, options: ReplyOptions | None = None) -> None:
        """Ask for a reply now."""

    def cancel_reply(self) -> None:
        """Stop the reply in progress; `ReplyCleared` and `ReplyFinished(CANCELLED)` follow."""

    def add_text(self, role: Literal["user", "assistant", "system"], text: str, item_id: str | None = None) -> str:
        """Add an item to the history; returns its id. No reply is made."""

    def add_tool_output(self, call_id: str, output: str, item_id: str | None = None) -> str:
        """Answer a tool call; returns the item's id. `create_reply` lets the assistant go on."""

    def delete_item(self, item_id: str) -> None:
        """Remove an item from the history."""

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """The client heard this much of a reply: history and position follow."""

    def played(self, item_id: str, audio_end_ms: int) -> None:
        """Our clients' report of what they have played, every 100 ms."""

    def configure(self, config: ConversationConfig) -> None:
        """Change what a client may choose; takes effect with the next reply or turn."""

    async def aclose(self) -> None:
        """End the conversation; every task, stream and buffer of it is gone when this returns."""


class ConversationFactory(Protocol):
    """Makes conversations on shared ears, mind and voice."""

    def default_config(self) -> ConversationConfig:
        """What a client that chooses nothing gets."""

    async def open(self, config: ConversationConfig, past: Sequence[Item] = ()) -> Conversation:
        """Start a conversation, or go on with one whose items are `past`. Raises `CommandRefused` when none can be."""

    @property
    def active(self) -> int:
        """Conversations held now."""

    @property
    def replying(self) -> int:
        """Conversations in which a reply is not over."""

    @property
    def load(self) -> float:
        """How busy the process is: 0 idle, 1 or more when it takes no conversation."""
