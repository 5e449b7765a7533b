"""Turns that the client takes: it commits what it pushed, and nothing is guessed from silence."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from voicechat.asr.port import EARS_RATE_HZ, Ears, EarsError, RecognitionStream
from voicechat.audio.pcm import Pcm16
from voicechat.conversation.items import Message, new_id
from voicechat.conversation.ledger import Ledger
from voicechat.conversation.port import CommandRefused, ConversationFailed, TurnCommitted, UserTranscript
from voicechat.conversation.tasks import TaskOwner
from voicechat.conversation.turns import Emit

LEAST_MS = 100
MOST_S = 600
"""Audio of one turn at most; what is pushed beyond is not recognised."""
TRANSCRIPT_TIMEOUT_S = 30.0
"""How long the words of a turn may take beyond its own length, s."""


@dataclass(frozen=True, slots=True)
class _Awaited:
    """A turn whose words are not yet known."""

    item_id: str
    audio_s: float


@contextmanager
def _refused() -> Iterator[None]:
    """Ears that can take no more refuse the command, and the conversation lives on."""
    try:
        yield
    except EarsError as error:
        raise CommandRefused("ears_busy", str(error)) from error


class ManualTurns:
    """One recognition stream, fed and flushed by the client's commands."""

    def __init__(
        self,
        ears: Ears,
        language: Callable[[], str | None],
        ledger: Ledger,
        emit: Emit,
        on_heard: Callable[[], None],
        tasks: TaskOwner,
    ) -> None:
        self._ears = ears
        self._language = language
        self._ledger = ledger
        self._emit = emit
        self._on_heard = on_heard
        self._tasks = tasks
        self._stream: RecognitionStream | None = None
        self._samples = 0
        self._pending: deque[_Awaited] = deque()
        self._reader: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> bool:
        """Whether the words of a committed turn are not yet known."""
        return bool(self._pending)

    def push(self, pcm: Pcm16) -> None:
        """More of the turn: int16 mono at `EARS_RATE_HZ`."""
        room = MOST_S * EARS_RATE_HZ - self._samples
        self._samples += pcm.size
        if room > 0:
            with _refused():
                self._open().push(pcm[:room])

    def commit(self) -> None:
        """What was pushed is a turn; its words follow."""
        if self._samples < LEAST_MS * EARS_RATE_HZ // 1000:
            pushed_ms = self._samples * 1000 // EARS_RATE_HZ
            raise CommandRefused(
                "input_audio_buffer_commit_empty",
                f"a turn needs at least {LEAST_MS} ms of audio and {pushed_ms} ms were pushed; push more, then commit",
            )
        with _refused():
            self._open().flush()
        item_id = new_id("item")
        self._emit(TurnCommitted(item_id, self._ledger.add(Message(item_id, "user", ""))))
        self._pending.append(_Awaited(item_id, self._samples / EARS_RATE_HZ))
        self._samples = 0
        self._watch()

    def clear(self) -> None:
        """Forget what was pushed and not committed."""
        self._samples = 0
        if self._stream is not None:
            self._stream.clear()

    async def aclose(self) -> None:
        """End the recognition."""
        self._forget_deadline()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    def _open(self) -> RecognitionStream:
        if self._stream is None:
            self._stream = self._ears.stream(self._language())
            self._reader = self._tasks.start(self._read(self._stream), "manual turns")
        return self._stream

    async def _read(self, stream: RecognitionStream) -> None:
        try:
            async for transcript in stream:
                if transcript.is_final:
                    self._heard(transcript.text.strip())
                elif self._pending:
                    self._emit(UserTranscript(self._pending[0].item_id, transcript.text.strip(), is_final=False))
        except EarsError as error:
            self._fail(str(error))
        finally:
            if self._stream is stream:
                self._stream = None
            await stream.aclose()

    def _heard(self, text: str) -> None:
        if not self._pending:
            return
        item_id = self._pending.popleft().item_id
        self._ledger.set_text(item_id, text)
        self._emit(UserTranscript(item_id, text, is_final=True))
        self._watch()
        if not self._pending:
            self._on_heard()

    def _fail(self, message: str) -> None:
        self._emit(ConversationFailed(message, "ears_failed"))
        for awaited in self._pending:
            self._emit(UserTranscript(awaited.item_id, "", is_final=True))
        self._pending.clear()
        self._forget_deadline()
        self._on_heard()

    def _watch(self) -> None:
        self._forget_deadline()
        if self._pending:
            patience_s = TRANSCRIPT_TIMEOUT_S + self._pending[0].audio_s
            self._deadline = asyncio.get_running_loop().call_later(patience_s, self._give_up, patience_s)

    def _give_up(self, patience_s: float) -> None:
        """What is recognised too late must not be taken for the words of the next turn: its stream is left."""
        if self._reader is not None:
            self._reader.cancel()
        self._reader = self._stream = None
        self._samples = 0
        self._fail(f"the words of the turn were not recognised within {patience_s:.0f} s; say it again")

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
