"""The setting of a bench with callers: what is said, and to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from voicechat.bench.calls.line import Assistant
from voicechat.bench.calls.livekit_line import LiveKitAssistant
from voicechat.bench.calls.options import Transport
from voicechat.bench.calls.pipecat_line import pipecat
from voicechat.bench.calls.realtime_line import RealtimeAssistant
from voicechat.bench.calls.stack import Stack, own_stack
from voicechat.bench.calls.utterances import (
    QUESTIONS,
    Speaker,
    Utterance,
    human_utterances,
    synthetic_utterances,
)
from voicechat.bench.report import progress
from voicechat.bench.systems.livekit import livekit
from voicechat.bench.systems.port import BenchError
from voicechat.llm.find import Mind
from voicechat.settings import Settings

CALL_PEERS: dict[str, Callable[[Settings, Mind], AbstractAsyncContextManager[Assistant]]] = {"pipecat": pipecat}


def find_call_peers(names: Sequence[str]) -> list[str]:
    """The peers called `names`; "all" names each. Raises `BenchError` on others."""
    if unknown := [name for name in names if name not in (*CALL_PEERS, "all")]:
        raise BenchError(f"no assistant is called {', '.join(unknown)}; there are all, {', '.join(CALL_PEERS)}")
    return list(CALL_PEERS) if "all" in names else list(names)


async def gather_utterances(settings: Settings, speakers: Collection[Speaker], count: int) -> list[Utterance]:
    """`count` of each speaker at most, taking turns. Raises `BenchError` or `ModelError`."""
    groups = []
    if Speaker.HUMAN in speakers:
        groups.append(human_utterances(count))
    if Speaker.SYNTHETIC in speakers:
        progress("the worker says the callers' questions")
        groups.append(await synthetic_utterances(settings, QUESTIONS[:count]))
    longest = max(map(len, groups))
    return [group[index] for index in range(longest) for group in groups if index < len(group)]


@asynccontextmanager
async def assistants(
    settings: Settings,
    url: str | None,
    peers: Sequence[str],
    *,
    tap: bool = False,
    transports: Collection[Transport] = (Transport.WEBSOCKET,),
) -> AsyncIterator[tuple[list[Assistant], Stack | None]]:
    """The product by each transport, then its peers on the same models; all run, and only one is called at a time."""
    wanted = find_call_peers(peers)
    if wanted and url is not None:
        raise BenchError("peers answer with the mind that the bench starts: leave --url or --peers out")
    if url is not None and Transport.LIVEKIT in transports:
        raise BenchError("rooms are measured on a server of the bench's own: leave --url or --transport out")
    async with AsyncExitStack() as stack:
        if url is not None:
            yield [RealtimeAssistant(url, {"url": url})], None
            return
        if Transport.LIVEKIT in transports:
            progress("starting LiveKit")
            settings = (await stack.enter_async_context(livekit())).used_by(settings)
        progress("starting the product")
        own = await stack.enter_async_context(own_stack(settings, tap=tap))
        told = _settings(settings, own)
        found: list[Assistant] = []
        if Transport.WEBSOCKET in transports:
            found.append(RealtimeAssistant(own.realtime_url, told))
        if Transport.LIVEKIT in transports:
            found.append(LiveKitAssistant(own.url, told))
        for peer in wanted:
            progress(f"starting {peer}")
            found.append(await stack.enter_async_context(CALL_PEERS[peer](settings, own.mind)))
        yield found, own


def _settings(settings: Settings, own: Stack) -> dict[str, Any]:
    return {
        "ears": settings.asr.model,
        "adapter": settings.asr.adapter,
        "voice": settings.tts.default_model,
        "mind": own.mind.model,
        "conversation": settings.conversation.model_dump(mode="json"),
    }
