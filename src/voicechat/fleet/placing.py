"""Finding a worker that takes a reply: one after another, while the caller's patience lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import tenacity

from voicechat.fleet.affinity import Affinity
from voicechat.fleet.channels import WorkerLink
from voicechat.fleet.member import Member
from voicechat.fleet.metrics import FleetMetrics
from voicechat.fleet.port import SpeechRequest, VoiceError
from voicechat.fleet.record import RESUME
from voicechat.fleet.router import FULL, Wish, can, choose
from voicechat.fleet.stream import WorkerSpeechStream
from voicechat.fleet.traced import CallTrace, begin_call
from voicechat.settings import TtsSettings

REACH_S = 0.5
"""How long a worker may take to be connected where there are others."""
PATIENCE_S = 0.25
"""A worker that has not taken a reply in this time is asked whether it is alive."""
SIGN_OF_LIFE_S = 0.35
"""How long it may take to answer that."""
ELSEWHERE = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "CANCELLED"})
"""Refusals that another worker may not share."""
FAILURES = frozenset({"UNAVAILABLE", "INTERNAL", "CANCELLED", "DEADLINE_EXCEEDED"})
"""Those that tell against the worker."""


@dataclass(slots=True)
class PlacedReply:
    """A reply that a worker has taken; implements `Attempt`."""

    member: Member
    link: WorkerLink
    stream: WorkerSpeechStream
    metrics: FleetMetrics
    trace: CallTrace | None = None
    _is_left: bool = field(default=False, init=False)

    @property
    def worker(self) -> str:
        """Its name."""
        return self.member.name

    async def answers(self, within_s: float) -> bool:
        """Whether the worker's process is alive."""
        return await self.link.answers(within_s)

    def leave(self, *, failed: bool) -> None:
        """Cancel what is unfinished, once."""
        if self._is_left:
            return
        self._is_left = True
        is_done = self.stream.is_done
        self.stream.cancel()
        if self.trace is not None:
            self.trace.over(error="the worker was lost" if failed else None)
        self.member.closed()
        self.link.users -= 1
        if failed:
            self.link.breaker.failed()
            self.metrics.worker_errors.labels("lost").inc()
        elif is_done:
            self.link.breaker.succeeded()


class Placing:
    """Implements `Opener`.

    Args:
        settings: Deadlines.
        members: The fleet as it is known.
        link_to: The channel to a member.
        affinity: Who spoke with whom.
        metrics: Of the fleet.
    """

    def __init__(
        self,
        settings: TtsSettings,
        members: Callable[[], Sequence[Member]],
        link_to: Callable[[Member], WorkerLink],
        affinity: Affinity,
        metrics: FleetMetrics,
    ) -> None:
        self._settings = settings
        self._members = members
        self._link_to = link_to
        self._affinity = affinity
        self._metrics = metrics

    async def open(self, request: SpeechRequest, left: Collection[str] = ()) -> PlacedReply:
        """A worker that has taken the reply. Raises `VoiceError`: busy when all that could are."""
        wish = await self._wish(request)
        members = self._members()
        if left and not any(member.name not in left and can(member, wish) for member in members):
            raise VoiceError("UNAVAILABLE", "there is no other worker to go on with; start one more: voicechat worker")
        if len(members) == 1:
            # Nobody else could be asked: who restarts it may be as slow as the deadline says.
            return await self._ask(members[0], request, self._settings.connect_timeout_s, alone=True)
        rounds = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: _is_passing(error, going_on=bool(left))),
            stop=tenacity.stop_after_delay(self._settings.connect_timeout_s),
            wait=tenacity.wait_random_exponential(multiplier=0.05, max=0.5),
            reraise=True,
        )
        return await rounds(self._round, request, wish, left)

    def has_other(self, request: SpeechRequest, left: Collection[str]) -> bool:
        """Whether a worker outside `left` could go on with it."""
        return any(self._others(request, left))

    def has_room(self, request: SpeechRequest, left: Collection[str]) -> bool:
        """Whether one of them works and has room."""
        return any(
            member.load < FULL and self._link_to(member).breaker.allows for member in self._others(request, left)
        )

    def _others(self, request: SpeechRequest, left: Collection[str]) -> Iterator[Member]:
        wish = Wish(request.model_id, request.language, frozenset({RESUME}))
        return (member for member in self._members() if member.name not in left and can(member, wish))

    async def _wish(self, request: SpeechRequest) -> Wish:
        needs = frozenset({RESUME}) if request.first_segment or request.skip_ms else frozenset[str]()
        return Wish(request.model_id, request.language, needs, await self._affinity.worker_of(request.session))

    async def _round(self, request: SpeechRequest, wish: Wish, left: Collection[str]) -> PlacedReply:
        """Ask every member that can, the best first, until one takes the reply."""
        asked = set(left)
        refusals: list[VoiceError] = []
        while (member := self.pick(wish, asked)) is not None:
            asked.add(member.name)
            try:
                return await self._ask(member, request, REACH_S)
            except VoiceError as error:
                if error.code not in ELSEWHERE:
                    raise
                refusals.append(error)
        raise _worst(refusals)

    def pick(self, wish: Wish, asked: Collection[str]) -> Member | None:
        """The member to ask next; one that failed of late only if there is no other."""
        members = self._members()
        resting = {member.name for member in members if not self._link_to(member).breaker.allows}
        chosen = choose(members, wish, {*asked, *resting}) or choose(members, wish, asked)
        if chosen is None and not asked:
            # Nobody has such a voice; anybody says so better than we could.
            chosen = choose(members, Wish())
        return chosen

    async def _ask(self, member: Member, request: SpeechRequest, reach_s: float, *, alone: bool = False) -> PlacedReply:
        link = self._link_to(member)
        link.breaker.tried()
        reply: PlacedReply | None = None
        try:
            await link.reach(reach_s)
            reply = self._place(member, link, request)
            await (reply.stream.begin() if alone else self._begin(reply))
        except BaseException as error:
            self._refused(member, link, reply, error)
            raise
        link.breaker.answered()
        self._metrics.tasks.inc()
        self._affinity.spoke(request.session, member.name)
        return reply

    def _place(self, member: Member, link: WorkerLink, request: SpeechRequest) -> PlacedReply:
        timeout_s = self._settings.first_audio_timeout_s
        trace = begin_call(request.trace, member.name, member.address)
        call = link.stub.Synthesize if trace is None else partial(link.stub.Synthesize, metadata=trace.metadata)
        stream = WorkerSpeechStream(call, request, member.address, timeout_s)
        member.opened()
        link.users += 1
        return PlacedReply(member, link, stream, self._metrics, trace)

    async def _begin(self, reply: PlacedReply) -> None:
        """Wait for the worker to take it: as long as it takes, but only while it lives."""
        beginning = asyncio.ensure_future(reply.stream.begin())
        try:
            while not (await asyncio.wait({beginning}, timeout=PATIENCE_S))[0]:
                if not await reply.answers(SIGN_OF_LIFE_S) and not beginning.done():
                    raise VoiceError("UNAVAILABLE", f"worker {reply.worker} gives no sign of life; see its log")
        finally:
            if not beginning.done():
                beginning.cancel()
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({beginning})
        beginning.result()

    def _refused(self, member: Member, link: WorkerLink, reply: PlacedReply | None, error: BaseException) -> None:
        code = error.code if isinstance(error, VoiceError) else ""
        drains = code == "UNAVAILABLE" and "drain" in str(error)
        if drains and not member.is_seed:
            member.drains()
        failed = code in FAILURES and not drains
        if reply is not None:
            reply.leave(failed=failed)
        elif failed:
            link.breaker.failed()
            self._metrics.worker_errors.labels("unreachable").inc()
        if code == "RESOURCE_EXHAUSTED" or drains:
            self._metrics.worker_errors.labels("busy" if not drains else "draining").inc()


def _is_passing(error: BaseException, *, going_on: bool) -> bool:
    """Whether a worker may come, or come back, in a moment; for a caller who is being served, or have room again."""
    if not isinstance(error, VoiceError) or error.code not in ELSEWHERE:
        return False
    return going_on or error.code != "RESOURCE_EXHAUSTED"


def _worst(refusals: Sequence[VoiceError]) -> VoiceError:
    """What the caller is told: that all are busy where some are, else what the last one said."""
    busy = [error for error in refusals if error.code == "RESOURCE_EXHAUSTED"]
    if busy:
        hints = [error.retry_after_s for error in busy if error.retry_after_s is not None]
        text = f"every worker is busy ({len(busy)} asked): {busy[-1]}" if len(busy) > 1 else str(busy[0])
        return VoiceError("RESOURCE_EXHAUSTED", text, min(hints, default=None))
    if refusals:
        return refusals[-1]
    return VoiceError("UNAVAILABLE", "every worker drains or is gone; start one with: voicechat worker")
