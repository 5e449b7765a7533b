"""A reply that outlives the worker that began it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from typing import Protocol

import structlog

from voicechat.fleet.continuation import Progress, Rest, Splice
from voicechat.fleet.port import SpeechDone, SpeechEvent, SpeechRequest, VoiceError
from voicechat.fleet.silence import Silence, Verdict
from voicechat.fleet.watch import ReplyWatch

_LOOK_S = 0.05
"""How often a worker's silence is judged."""
_SIGN_OF_LIFE_S = 0.25
_LAST_SIGN_S = 1.0
"""The same, before a worker is left for others that are full: one whose machine is starved of time answers by then."""
LOST = frozenset({"UNAVAILABLE", "INTERNAL", "CANCELLED", "DEADLINE_EXCEEDED"})
"""Failures of the worker, not of what it was asked."""
_log = structlog.get_logger()


class WorkerStream(Protocol):
    """What is asked of a reply on one worker; `WorkerSpeechStream`."""

    async def push_text(self, text: str) -> None:
        """More text."""

    async def flush(self) -> None:
        """Speak what has been sent."""

    async def end(self) -> None:
        """No more text."""

    async def played(self, samples: int) -> None:
        """The listener has heard this much of it."""

    async def pause(self) -> None:
        """Hold the audio."""

    async def resume(self) -> None:
        """Go on."""

    async def stop(self) -> None:
        """End early."""

    async def read(self) -> SpeechEvent:
        """The next event. Raises `VoiceError`; cancelling it gives the reply up."""


class Attempt(Protocol):
    """A reply that a worker has taken."""

    @property
    def worker(self) -> str:
        """The worker's name."""

    @property
    def stream(self) -> WorkerStream:
        """The reply there."""

    async def answers(self, within_s: float) -> bool:
        """Whether the worker's process is alive."""

    def leave(self, *, failed: bool) -> None:
        """Be done with it: cancels what is unfinished, and remembers how it went. May be called again."""


class Opener(Protocol):
    """Finds workers."""

    async def open(self, request: SpeechRequest, left: Collection[str] = ()) -> Attempt:
        """A worker, none of `left`, that has taken the reply. Raises `VoiceError`."""

    def has_other(self, request: SpeechRequest, left: Collection[str]) -> bool:
        """Whether there is one outside `left`, though it may be full or have failed of late."""

    def has_room(self, request: SpeechRequest, left: Collection[str]) -> bool:
        """Whether one of them works and has room."""


class FleetSpeechStream:
    """Implements `SpeechStream` on one worker after another.

    Args:
        opener: Finds them.
        request: How to speak.
        clock: Seconds, monotonic.
        watch: Measures the reply.
    """

    def __init__(self, opener: Opener, request: SpeechRequest, clock: Callable[[], float], watch: ReplyWatch) -> None:
        self._opener = opener
        self._progress = Progress(request)
        self._silence = Silence(self._progress, clock)
        self._watch = watch
        self._sending = asyncio.Lock()
        self._attempt: Attempt | None = None
        self._splice: Splice | None = None
        self._left: set[str] = set()
        self._asked_again: set[int] = set()
        self._played = 0
        self._paused = False
        self._stopped = False

    async def begin(self) -> None:
        """Wait until a worker has taken the reply. Raises `VoiceError`."""
        self._attempt = await self._opener.open(self._progress.request)
        self._silence.heard()

    @property
    def worker(self) -> str:
        """The name of the one that speaks."""
        return self._current.worker

    def close(self, *, failed: bool = False) -> None:
        """Give up what is unfinished."""
        if self._attempt is not None:
            self._attempt.leave(failed=failed)

    # --- what is asked; in one order, which another worker is told again

    async def push_text(self, text: str) -> None:
        """Send more of the reply's text."""
        async with self._sending:
            self._watch.texted()
            self._ask(lambda: self._progress.push(text))
            await self._current.stream.push_text(text)

    async def flush(self) -> None:
        """Speak what has been sent."""
        async with self._sending:
            self._ask(self._progress.flush)
            await self._current.stream.flush()

    async def end(self) -> None:
        """No more text comes."""
        async with self._sending:
            self._ask(self._progress.end)
            await self._current.stream.end()

    async def played(self, samples: int) -> None:
        """Report what the listener has heard."""
        self._played = samples
        self._silence.played(samples)
        await self._current.stream.played(self._own(samples))

    async def pause(self) -> None:
        """Hold the audio."""
        self._hold(True)
        async with self._sending:
            await self._current.stream.pause()

    async def resume(self) -> None:
        """Let it go on."""
        self._hold(False)
        async with self._sending:
            await self._current.stream.resume()

    async def stop(self) -> None:
        """End the reply early."""
        self._stopped = True
        async with self._sending:
            await self._current.stream.stop()

    # --- what comes

    async def __aiter__(self) -> AsyncIterator[SpeechEvent]:
        """Events in order, whichever worker they come from; raises `VoiceError`."""
        while True:
            try:
                events = self._joined(await self._next())
            except VoiceError as error:
                events = await self._go_on_after(error)
            for event in events:
                self._progress.note(event)
                self._watch.note(event)
                yield event
                if isinstance(event, SpeechDone):
                    return

    def _joined(self, event: SpeechEvent) -> Iterable[SpeechEvent]:
        self._silence.heard(event)
        return (event,) if self._splice is None else self._splice.join(event)

    async def _next(self) -> SpeechEvent:
        """The next event of the current worker. Raises `VoiceError`, too when its silence is too long."""
        reading = asyncio.ensure_future(self._current.stream.read())
        try:
            while not (await asyncio.wait({reading}, timeout=_LOOK_S))[0]:
                if await self._is_lost() and not reading.done():
                    raise VoiceError("UNAVAILABLE", f"worker {self.worker} fell silent in the middle of a reply")
        finally:
            if not reading.done():
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
        return reading.result()

    async def _is_lost(self) -> bool:
        verdict = self._silence.verdict()
        if verdict is Verdict.FINE:
            return False
        asked, left = self._progress.request, self._left | {self.worker}
        if not (self._may_go_on() and self._opener.has_other(asked, left)):
            # With nowhere to go, a worker that is late is better than none.
            return self._silence.is_hopeless and not await self._current.answers(_SIGN_OF_LIFE_S)
        has_room = self._opener.has_room(asked, left)
        if verdict is Verdict.LEAVE and has_room:
            return True
        # One that is late is better than one that is full, and that one better than one that is dead.
        if await self._current.answers(_SIGN_OF_LIFE_S if has_room else _LAST_SIGN_S):
            self._silence.heard()
            return False
        return True

    def _may_go_on(self) -> bool:
        """A segment is asked of another worker once: a text that kills workers must not reach them all."""
        return self._progress.segment_index not in self._asked_again

    # --- going on elsewhere

    async def _go_on_after(self, error: VoiceError) -> list[SpeechEvent]:
        """Ask another worker for the rest. Raises `error` when that cannot help."""
        left = self._current
        if error.code not in LOST:
            left.leave(failed=False)
            raise error
        left.leave(failed=True)
        self._left.add(left.worker)
        if self._stopped:
            return [SpeechDone(self._progress.received_ms, 0.0, stopped=True)]
        async with self._sending:
            closed = self._progress.close_spoken_segment()
            events: list[SpeechEvent] = [] if closed is None else [closed]
            if self._progress.is_complete:
                return [*events, SpeechDone(self._progress.received_ms, 0.0, stopped=False)]
            if not self._may_go_on():
                raise error
            await self._go_on(error)
        self._watch.failed_over(error)
        _log.warning("reply goes on elsewhere", left=left.worker, worker=self.worker, reason=str(error))
        return events

    async def _go_on(self, error: VoiceError) -> None:
        self._asked_again.add(self._progress.segment_index)
        rest = self._progress.rest()
        try:
            self._attempt = await self._opener.open(rest.request, self._left)
        except VoiceError as refusal:
            # To a caller who was being served, "busy" would be beside the point.
            raise error from refusal
        self._splice = Splice(self._progress, rest)
        self._silence.heard()
        await self._tell(rest)

    async def _tell(self, rest: Rest) -> None:
        """Everything the other worker must know, in order."""
        stream = self._current.stream
        if self._paused:
            await stream.pause()
        for number, piece in enumerate(rest.pieces):
            if number:
                await stream.flush()
            if piece:
                await stream.push_text(piece)
        if rest.ended:
            await stream.end()
        if self._played:
            await stream.played(self._own(self._played))
        if self._stopped:
            await stream.stop()

    # --- small things

    @property
    def _current(self) -> Attempt:
        if self._attempt is None:
            raise RuntimeError("the reply was not begun")
        return self._attempt

    def _own(self, samples: int) -> int:
        return samples if self._splice is None else self._splice.own_samples(samples)

    def _hold(self, held: bool) -> None:
        self._paused = held
        self._silence.paused(held)

    def _ask(self, asked: Callable[[], None]) -> None:
        """Note what is asked; a worker that owed nothing is given time from here on."""
        if not (self._progress.is_due or self._progress.is_silent_on_text):
            self._silence.heard()
        asked()
