"""The gRPC service `voicechat.tts.v1.Synthesizer`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar

import grpc
import grpc.aio
import structlog

from voicechat.fleet.record import RESUME, ModelRecord, WorkerRecord
from voicechat.models.entry import ModelEntry
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import SynthesizerServicer
from voicechat.settings import ProfilingSettings
from voicechat.tts.admission import Admission
from voicechat.tts.library import Library, LoadedVoice
from voicechat.tts.metrics import WorkerMetrics
from voicechat.tts.options import ReplyOptions, check_ranges, pace_of, reply_options
from voicechat.tts.profiles import ReplyProfile
from voicechat.tts.refusal import Refusal, draining, invalid
from voicechat.tts.reply import Reply, Submit
from voicechat.tts.residency import Residency
from voicechat.tts.scheduler import Scheduler
from voicechat.tts.traced import ReplyTrace, begin_reply

RETRY_AFTER = "retry-after-ms"
"""Trailing metadata of RESOURCE_EXHAUSTED."""

_FIRST_REQUEST_S = 10.0
_AFTER_DONE_S = 1.0
_BEFORE_REFUSAL_S = 0.1
VERSION = version("voicechat")
_T = TypeVar("_T")
_Context = grpc.aio.ServicerContext[Any, Any]
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one reply, and what is spoken where nothing is named."""

    default_model: str
    max_text_chars: int


class SynthesizerService(SynthesizerServicer):
    """Every call of the service; refusals become statuses here and nowhere else."""

    def __init__(
        self,
        library: Library,
        residency: Residency[LoadedVoice],
        admission: Admission,
        scheduler: Scheduler,
        metrics: WorkerMetrics,
        limits: Limits,
        profiling: ProfilingSettings | None = None,
    ) -> None:
        self._library = library
        self._residency = residency
        self._admission = admission
        self._scheduler = scheduler
        self._metrics = metrics
        self._limits = limits
        self._profiling = profiling if profiling is not None and profiling.enabled else None
        self._streams = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    # --- the life of the process

    async def drain(self, at_most_s: float) -> bool:
        """Take nothing new and wait for what runs; False when it did not end in time."""
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._idle.wait()
        return self._streams == 0

    # --- replies

    async def Synthesize(  # type: ignore[override]  # the stubs know only handlers that are generators
        self, requests: AsyncIterator[pb.SynthesizeRequest], context: _Context
    ) -> None:
        """One reply."""
        self._streams += 1
        self._idle.clear()
        trace = begin_reply(context.invocation_metadata())
        status, reason = grpc.StatusCode.OK, ""
        try:
            await self._synthesize(requests, context, trace)
        except asyncio.CancelledError:
            status = grpc.StatusCode.CANCELLED
            raise
        except Refusal as refusal:
            status, reason = refusal.code, refusal.text
            await self._abort(context, refusal)
        except Exception as error:
            status, reason = grpc.StatusCode.INTERNAL, str(error)
            _log.exception("reply failed")
            await context.abort(grpc.StatusCode.INTERNAL, f"synthesis failed ({type(error).__name__}); see the log")
        finally:
            if trace is not None:
                trace.over(status, reason or None)
            self._streams -= 1
            if self._streams == 0:
                self._idle.set()

    async def _synthesize(
        self, requests: AsyncIterator[pb.SynthesizeRequest], context: _Context, trace: ReplyTrace | None
    ) -> None:
        began = _now()
        start = await _first(requests)
        # Not before its start was read: to a client whose start is still on its way, gRPC may not say why.
        self._refuse_while_draining()
        check_ranges(start)
        _name_in_logs(start, trace)
        model_id = start.model_id or self._limits.default_model
        await self._library.require(model_id)
        async with AsyncExitStack() as held:
            with nullcontext() if trace is None else trace.step("admission"):
                await held.enter_async_context(self._admission.place(pace_of(start)))
            with nullcontext() if trace is None else trace.step("model"):
                loaded = await held.enter_async_context(self._residency.hold(model_id))
            options = reply_options(start, loaded.voice.traits)
            started = pb.Started(
                model_id=model_id,
                sample_rate=options.sample_rate_hz,
                seed=options.prosody.seed,
                queue_ms=1000 * (_now() - began),
            )
            await context.write(pb.SynthesizeResponse(started=started))
            profile = None if self._profiling is None else ReplyProfile(self._profiling, start.request_id)
            reply = self._reply(loaded, options, context, trace, profile)
            async with _listening(reply, requests):
                try:
                    with self._metrics.counted_outcome():
                        await reply.speak()
                finally:
                    spent_ms = round(1000 * reply.synthesis_s)
                    _log.info("reply over", model=model_id, audio_ms=round(reply.audio_ms), synthesis_ms=spent_ms)
                await held.aclose()
            if profile is not None:
                await profile.save(reply.synthesis_s)
        if reply.audio_ms:
            self._metrics.realtime_factor.observe(reply.synthesis_s * 1000 / reply.audio_ms)

    def _reply(
        self,
        loaded: LoadedVoice,
        options: ReplyOptions,
        context: _Context,
        trace: ReplyTrace | None,
        profile: ReplyProfile | None,
    ) -> Reply:
        submit: Submit = self._scheduler.submit
        submit = submit if profile is None else profile.submit(submit)
        return Reply(
            loaded.voice,
            loaded.gain_db,
            options,
            submit if trace is None else trace.submit(submit),
            context.write if trace is None else trace.send(context.write),
            self._limits.max_text_chars,
            _now,
            self._metrics.first_audio.observe,
            self._admission.worked,
            self._hurry_is_safe,
        )

    def _hurry_is_safe(self) -> bool:
        """Whether a reply may begin with little in hand: alone, and with a thread left for whoever comes next."""
        return self._admission.active == 1 and self._scheduler.threads > 1

    # --- models

    async def ListModels(self, request: pb.ListModelsRequest, context: _Context) -> pb.ListModelsResponse:
        """Every voice of the catalogue that the engine reads."""
        entries = await self._library.entries()
        return pb.ListModelsResponse(models=[self._model(entry, installed) for entry, installed in entries])

    async def LoadModel(self, request: pb.LoadModelRequest, context: _Context) -> pb.LoadModelResponse:
        """Make a model resident."""
        took_s = await self._or_abort(context, self._load(request.model_id))
        return pb.LoadModelResponse(model=await self._one_model(request.model_id), load_ms=1000 * took_s)

    async def UnloadModel(self, request: pb.UnloadModelRequest, context: _Context) -> pb.UnloadModelResponse:
        """Release an idle model."""
        await self._or_abort(context, self._unload(request.model_id))
        return pb.UnloadModelResponse()

    async def ReloadModel(self, request: pb.ReloadModelRequest, context: _Context) -> pb.ReloadModelResponse:
        """Load the files of a model anew."""
        took_s = await self._or_abort(context, self._reload(request.model_id))
        return pb.ReloadModelResponse(model=await self._one_model(request.model_id), load_ms=1000 * took_s)

    async def GetStatus(self, request: pb.GetStatusRequest, context: _Context) -> pb.GetStatusResponse:
        """How busy the worker is, and what it is."""
        resident = self._residency.residents
        entries = await self._library.entries()
        return pb.GetStatusResponse(
            capacity=self._admission.capacity,
            active_streams=self._admission.active,
            queue_depth=self._admission.queued,
            resident_models=[self._model(entry, installed) for entry, installed in entries if entry.id in resident],
            version=VERSION,
            engine=self._library.engine.name,
            engine_version=self._library.engine.version,
            draining=self._draining,
        )

    async def record(self, name: str, address: str, instance: str) -> WorkerRecord:
        """What the registry is told of this worker."""
        entries = await self._library.entries()
        resident = self._residency.residents
        models = tuple(
            ModelRecord(id=entry.id, languages=tuple(entry.languages), resident=entry.id in resident)
            for entry, installed in entries
            if installed
        )
        return WorkerRecord(
            name=name,
            address=address,
            engine=self._library.engine.name,
            languages=tuple(sorted({language for model in models for language in model.languages})),
            models=models,
            capacity=self._admission.capacity,
            active=self._admission.active + self._admission.queued,
            version=VERSION,
            draining=self._draining,
            capabilities=frozenset({RESUME}),
            instance=instance,
        )

    async def _load(self, model_id: str) -> float:
        self._refuse_while_draining()
        await self._library.require(model_id)
        return await self._residency.load(model_id)

    async def _unload(self, model_id: str) -> None:
        await self._library.require(model_id)
        await self._residency.unload(model_id)

    async def _reload(self, model_id: str) -> float:
        self._refuse_while_draining()
        await self._library.require(model_id)
        return await self._residency.reload(model_id)

    def _refuse_while_draining(self) -> None:
        if self._draining:
            raise draining()

    async def _one_model(self, model_id: str) -> pb.Model:
        entries = await self._library.entries()
        return next(self._model(entry, installed) for entry, installed in entries if entry.id == model_id)

    def _model(self, entry: ModelEntry, installed: bool) -> pb.Model:
        loaded = self._residency.residents.get(entry.id)
        return pb.Model(
            id=entry.id,
            engine=self._library.engine.name,
            languages=entry.languages,
            voices=loaded.voice.traits.speakers if loaded else ("default",),
            sample_rate=loaded.voice.traits.sample_rate_hz if loaded else 0,
            licence=entry.licence.spdx,
            installed=installed,
            resident=loaded is not None,
            active_streams=self._residency.users(entry.id),
        )

    # --- refusals

    async def _or_abort(self, context: _Context, work: Awaitable[_T]) -> _T:
        try:
            return await work
        except Refusal as refusal:
            await self._abort(context, refusal)
            raise

    async def _abort(self, context: _Context, refusal: Refusal) -> None:
        if refusal.code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE):
            self._metrics.rejected.labels(refusal.code.name.lower()).inc()
        hint = refusal.retry_after_ms
        trailing = () if hint is None else ((RETRY_AFTER, str(hint)),)
        await context.abort(refusal.code, refusal.text, trailing)


def _name_in_logs(start: pb.Start, trace: ReplyTrace | None) -> None:
    """Lines of this call carry what those of its caller carry: a request is named after its turn."""
    named = {"turn": start.request_id} if start.request_id else {}
    if trace is not None:
        named["trace_id"] = trace.context.trace
    structlog.contextvars.bind_contextvars(**named)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _first(requests: AsyncIterator[pb.SynthesizeRequest]) -> pb.Start:
    """The `start` that every reply begins with."""
    try:
        async with asyncio.timeout(_FIRST_REQUEST_S):
            request = await anext(aiter(requests))
    except TimeoutError as error:
        raise invalid(f"no start came within {_FIRST_REQUEST_S:g} s; send start first") from error
    except StopAsyncIteration as error:
        raise invalid("the stream ended before its start; send start first") from error
    kind = request.WhichOneof("request")
    if kind != "start":
        raise invalid(f"{kind or 'an empty request'} came before start; send start first")
    return request.start


@asynccontextmanager
async def _listening(reply: Reply, requests: AsyncIterator[pb.SynthesizeRequest]) -> AsyncIterator[None]:
    """Pass the client's requests to the reply, and go on reading for a moment after it has ended.

    To a client that sends while the call is being closed, gRPC gives an internal error in place of our last messages:
    it gets the time to close its side first.
    """
    listener = asyncio.create_task(_listen(reply, requests), name="listen")
    try:
        yield
        await asyncio.wait({listener}, timeout=_AFTER_DONE_S)
    except Refusal:
        await asyncio.wait({listener}, timeout=_BEFORE_REFUSAL_S)
        raise
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)


async def _listen(reply: Reply, requests: AsyncIterator[pb.SynthesizeRequest]) -> None:
    """Pass on what the client asks until it closes its side; what is wrong ends the reply."""
    try:
        async for request in requests:
            await _obey(reply, request)
    except Refusal as refusal:
        reply.fail(refusal)
        async for _ in requests:
            continue
    except Exception as error:
        _log.exception("listening failed")
        reply.fail(Refusal(grpc.StatusCode.INTERNAL, f"the request stream failed ({error}); see the log"))
    else:
        reply.half_closed()


async def _obey(reply: Reply, request: pb.SynthesizeRequest) -> None:
    match request.WhichOneof("request"):
        case "text":
            await reply.push_text(request.text.text)
        case "flush":
            reply.flush()
        case "end":
            reply.end()
        case "played":
            reply.played(request.played.samples)
        case "pause":
            reply.pause()
        case "resume":
            reply.resume()
        case "stop":
            reply.stop()
        case "start":
            raise invalid("a second start came; one stream is one reply, so open another")
        case _:
            raise invalid("an empty request came; send one of text, flush, end, played, pause, resume, stop")
