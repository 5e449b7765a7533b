"""The fleet: workers that register themselves, or the one at the address that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import grpc.aio
from prometheus_client import CollectorRegistry

from voicechat.fleet.affinity import Affinity
from voicechat.fleet.channels import WorkerLink
from voicechat.fleet.failover import FleetSpeechStream
from voicechat.fleet.member import Member
from voicechat.fleet.metrics import FleetMetrics
from voicechat.fleet.placing import Placing
from voicechat.fleet.port import SpeechRequest, SpeechStream, VoiceError, VoiceModel
from voicechat.fleet.record import WorkerRecord
from voicechat.fleet.registry import Registry
from voicechat.fleet.seed import SeedCapacity
from voicechat.fleet.status import ask_status
from voicechat.fleet.view import FleetView, follow
from voicechat.fleet.wire import voice_error, voice_model
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.settings import GrpcSettings, TtsSettings

CHECK_S = 1.0
"""A worker that serves says so within this."""
ASKED_AT_ONCE = 16
"""Workers that are asked the same at once, at most."""
HEARTBEAT_S = 2.0


class WorkerFleet:
    """Implements `VoiceFleet`; make it on the event loop that uses it.

    Args:
        settings: The seed's address, and deadlines.
        grpc_settings: What workers are shown; None: nothing.
        registry: Where workers register; None: the seed alone serves. Someone must run `follow` to keep it in view.
        heartbeat_s: How often they write their record.
        metrics: Counts; None: nobody asks for them.
    """

    def __init__(
        self,
        settings: TtsSettings,
        grpc_settings: GrpcSettings | None = None,
        registry: Registry | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        metrics: FleetMetrics | None = None,
    ) -> None:
        self._settings = settings
        self._grpc = grpc_settings or GrpcSettings()
        self._registry = registry
        self._heartbeat_s = heartbeat_s
        self._clock = asyncio.get_running_loop().time
        self._metrics = metrics or FleetMetrics(CollectorRegistry())
        self._view = FleetView(settings.worker_address, heartbeat_s, self._clock)
        self._affinity = Affinity(registry)
        self._links: dict[str, WorkerLink] = {}
        self._gone: set[asyncio.Task[None]] = set()
        self._seed_capacity = SeedCapacity(self._link_to(Member.seed(settings.worker_address)), heartbeat_s)
        self._placing = Placing(settings, lambda: self._view.members, self._link_to, self._affinity, self._metrics)

    @property
    def members(self) -> Sequence[Member]:
        """The workers that are known now."""
        return self._view.members

    @property
    def capacity(self) -> int | None:
        """Places of the workers that take replies; None while none has told."""
        known = [member.record for member in self._view.members if not member.is_seed]
        if not known:
            return self._seed_capacity.replies
        return sum(record.capacity for record in known if not record.draining)

    async def follow(self) -> None:
        """Keep the fleet in view, for as long as this runs."""
        if self._registry is None:
            await self._seed_capacity.follow()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(follow(self._registry, self._view, self._heartbeat_s / 2, self._keep_links))
            group.create_task(self._affinity.write())

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechStream]:
        """Open a reply, once a worker has taken it. Raises `VoiceError` when none is reached or they refuse."""
        request = replace(request, model_id=request.model_id or self._settings.default_model)
        with self._metrics.reply(request.model_id) as watch:
            stream = FleetSpeechStream(self._placing, request, self._clock, watch)
            try:
                with self._metrics.queue.track_inprogress():
                    await stream.begin()
                with self._metrics.active.track_inprogress():
                    yield stream
            finally:
                stream.close()

    async def models(self) -> Sequence[VoiceModel]:
        """The voices of the workers' catalogues, one of workers alike being asked. Raises `VoiceError`."""
        answers = await asyncio.gather(*map(self._list, self._different()), return_exceptions=True)
        found: dict[str, VoiceModel] = {}
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, VoiceError):
                raise answer
            for model in () if isinstance(answer, BaseException) else answer:
                found[model.id] = _merged(found.get(model.id), model)
        failures = [answer for answer in answers if isinstance(answer, VoiceError)]
        if failures and not found:
            raise failures[0]
        return list(found.values())

    async def workers(self) -> Sequence[WorkerRecord]:
        """Who registered themselves, by name, with what was asked of them since; else the seed, which is asked."""
        known = [member for member in self._view.members if not member.is_seed]
        if not known:
            link = self._link_to(Member.seed(self._settings.worker_address))
            return [await ask_status(link, min(self._settings.connect_timeout_s, CHECK_S))]
        told = [member.record.model_copy(update={"active": member.active}) for member in known]
        return sorted(told, key=lambda record: record.name)

    async def check(self) -> None:
        """Ask workers, many at once, until one serves. Raises `VoiceError` with what the last one said."""
        members = sorted(self._view.members, key=lambda member: not self._link_to(member).breaker.allows)
        asking = [asyncio.ensure_future(self._check(member)) for member in members[:ASKED_AT_ONCE]]
        failure: VoiceError | None = None
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    await answer
                    return
                except VoiceError as error:
                    failure = error
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        assert failure is not None, "the fleet has at least its seed"
        raise failure

    async def aclose(self) -> None:
        """Release every channel; replies that run are cancelled."""
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(link.aclose() for link in links), *self._gone)

    # --- channels

    def _link_to(self, member: Member) -> WorkerLink:
        if (link := self._links.get(member.address)) is None:
            link = self._links[member.address] = WorkerLink(member.address, self._grpc)
        return link

    def _keep_links(self, members: Iterable[Member]) -> None:
        """Connect to who came, before anybody needs them, and let go of who left."""
        wanted = {member.address: member for member in members}
        for address, member in wanted.items():
            if address not in self._links:
                self._link_to(member).warm()
        for address, link in list(self._links.items()):
            if address not in wanted and not link.users:
                del self._links[address]
                task = asyncio.ensure_future(link.aclose())
                self._gone.add(task)
                task.add_done_callback(self._gone.discard)

    # --- questions

    def _different(self) -> list[Member]:
        """One worker for each set of models; busy or resting ones where there is no other."""
        by_models: dict[frozenset[str], Member] = {}
        for member in sorted(self._view.members, key=lambda member: not self._link_to(member).breaker.allows):
            by_models.setdefault(frozenset(member.models), member)
        return list(by_models.values())[:ASKED_AT_ONCE]

    async def _list(self, member: Member) -> list[VoiceModel]:
        link = self._link_to(member)
        await link.reach(self._settings.connect_timeout_s)
        try:
            with link.used():
                listed = await link.stub.ListModels(pb.ListModelsRequest(), timeout=self._settings.connect_timeout_s)
        except grpc.aio.AioRpcError as error:
            raise voice_error(error, member.address) from error
        return [voice_model(model) for model in listed.models]

    async def _check(self, member: Member) -> None:
        link = self._link_to(member)
        await link.reach(min(self._settings.connect_timeout_s, CHECK_S))
        await link.check(min(self._settings.connect_timeout_s, CHECK_S))


def _merged(known: VoiceModel | None, model: VoiceModel) -> VoiceModel:
    """What two workers say of one voice: the better of each."""
    if known is None:
        return model
    better = model if model.installed and not known.installed else known
    return replace(better, installed=known.installed or model.installed, resident=known.resident or model.resident)
