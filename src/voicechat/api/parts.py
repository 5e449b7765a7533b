"""The models and connections of an orchestrator: loaded side by side, closed in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from voicechat.asr.load import load_ears
from voicechat.asr.port import Ears
from voicechat.conversation.canceller import WebRtcCanceller
from voicechat.conversation.detectors import Detector, load_detector
from voicechat.conversation.factory import SessionFactory
from voicechat.conversation.listened import ListenedFactory
from voicechat.conversation.meter import Meter
from voicechat.conversation.port import ConversationFactory
from voicechat.conversation.pulse import beating
from voicechat.conversation.recorded import TurnWriter
from voicechat.conversation.transcript_log import TranscriptLog, open_transcript_log
from voicechat.conversation.vad import MakeVad, load_vad
from voicechat.fleet.open import open_tally
from voicechat.fleet.port import VoiceFleet
from voicechat.llm.client import make_client, make_llm
from voicechat.llm.find import Mind, find_mind
from voicechat.settings import MindKind, Settings

log = structlog.get_logger(__name__)


class PartError(Exception):
    """A part of the orchestrator cannot be had; the text says what to do."""


@dataclass(frozen=True, slots=True)
class LoadedParts:
    """What the models are loaded for.

    Attributes:
        conversations: Makes them; written down if the settings say so.
        ears: What they hear with, for recordings too.
    """

    conversations: ConversationFactory
    ears: Ears


@asynccontextmanager
async def load_parts(settings: Settings, fleet: VoiceFleet, meter: Meter | None = None) -> AsyncIterator[LoadedParts]:
    """Load ears, voice activity and mind, and hold conversations on them, measured by `meter`.

    Raises `EarsError`, `MindError` or `PartError`, whose texts say what to do.
    """
    ears, vad, detector, mind = await _load(settings)
    try:
        async with (
            make_client(mind, settings.llm) as client,
            beating(meter) as pulse,
            _written(settings) as sink,
            open_tally(settings.redis) as tally,
        ):
            factory = SessionFactory(
                settings,
                fleet,
                ears,
                partial(make_llm, mind, settings.llm, client),
                vad,
                detector=detector,
                make_canceller=WebRtcCanceller if settings.conversation.echo_cancellation else None,
                lateness_ms=pulse.lateness_ms,
                meter=meter,
                tally=tally,
            )
            try:
                yield LoadedParts(_written_down(factory, sink), ears)
            finally:
                await factory.aclose()
    finally:
        await ears.aclose()


def _written_down(factory: ConversationFactory, sink: TranscriptLog | None) -> ConversationFactory:
    return factory if sink is None else ListenedFactory(factory, lambda: TurnWriter(sink))


@asynccontextmanager
async def _written(settings: Settings) -> AsyncIterator[TranscriptLog | None]:
    """Where turns are written down, or None."""
    sink = open_transcript_log(settings.retention)
    try:
        yield sink
    finally:
        if sink is not None:
            await asyncio.to_thread(sink.close)


async def _load(settings: Settings) -> tuple[Ears, MakeVad, Detector | None, Mind]:
    finding = asyncio.ensure_future(choose_mind(settings))
    loading_vad = asyncio.ensure_future(asyncio.to_thread(load_vad, settings.conversation))
    loading_detector = asyncio.ensure_future(asyncio.to_thread(load_detector, settings))
    try:
        ears = await asyncio.to_thread(load_ears, settings)
        try:
            return ears, await loading_vad, await loading_detector, await finding
        except BaseException:
            await ears.aclose()
            raise
    finally:
        finding.cancel()
        await asyncio.wait((finding, loading_vad, loading_detector))


async def choose_mind(settings: Settings) -> Mind:
    """The language model that answers, with its address. Raises `MindError` or `PartError`."""
    server = settings.server
    mind = await find_mind(settings.llm, skip_ports=(server.port, server.health_check_port))
    if mind.kind is MindKind.EMBEDDED:
        mind = mind.at(_embedded_address(settings))
    log.info("mind", answers=mind.description)
    return mind


def _embedded_address(settings: Settings) -> str:
    port = settings.llm.embedded_port
    if not port:
        raise PartError(
            "no language model was found: set OPENAI_BASE_URL, start Ollama, or run `voicechat up`, which starts the "
            "embedded one (here, llm.embedded_port names the port of one that runs already)"
        )
    return f"http://127.0.0.1:{port}/v1"
