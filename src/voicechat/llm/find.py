"""Which language model answers: what the owner configured, else a server on this machine, else the embedded one.

Nothing off this machine is contacted unless the owner named it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx

from voicechat.settings import LlmSettings, MindKind

OPENAI_BASE_URL = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-4.1-mini"
"""What a bare OPENAI_API_KEY means: OpenAI's own list is long and in no useful order."""
NO_KEY = "none"
"""Sent to servers that ask for no key; clients refuse an empty one."""
LOCAL_DEADLINE_S = 0.4
REMOTE_DEADLINE_S = 10.0

NOT_CHAT = re.compile(
    r"embed|rerank|whisper|transcri|tts|piper|kokoro|cosyvoice|moderation|diffusion|dall-e|image|clip|bge-|realtime|audio",
    re.IGNORECASE,
)
"""Model names that do not chat."""


class MindError(Exception):
    """No language model can answer; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Mind:
    """A language model behind an OpenAI-compatible address.

    `base_url` of an embedded mind is empty until its server runs: see `at`.
    """

    kind: MindKind
    base_url: str
    model: str
    api_key: str
    description: str
    is_demonstration: bool = False

    def at(self, base_url: str) -> Mind:
        """The same mind, answering at `base_url`."""
        return replace(self, base_url=base_url)

    def __repr__(self) -> str:
        return f"Mind({self.kind.value}, {self.base_url}, {self.model})"


@dataclass(frozen=True, slots=True)
class LocalServer:
    """Where a well-known server listens by default."""

    name: str
    port: int

    @property
    def base_url(self) -> str:
        """Its address on this machine."""
        return f"http://127.0.0.1:{self.port}/v1"


LOCAL_SERVERS = (
    LocalServer("Ollama", 11434),
    LocalServer("llama.cpp", 8080),
    LocalServer("vLLM", 8000),
    LocalServer("LM Studio", 1234),
)
"""Asked at the same time; the first of this order that lists a chat model is taken."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A line of `GET /v1/models`."""

    id: str
    owned_by: str = ""


Probe = Callable[[str, str, float], Awaitable[Sequence[ListedModel]]]
"""Lists the models at a base URL, given a key and a deadline in seconds; raises `MindError`."""


def is_loopback(base_url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(base_url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


async def list_models(base_url: str, api_key: str, deadline_s: float) -> Sequence[ListedModel]:
    """`GET {base_url}/models`. Raises `MindError`."""
    headers = {"Authorization": f"Bearer {api_key}"}
    try:
        # A proxy from the environment would carry a question meant for this machine away from it.
        async with httpx.AsyncClient(trust_env=not is_loopback(base_url), timeout=deadline_s) as client:
            answer = await asyncio.wait_for(client.get(f"{base_url.rstrip('/')}/models", headers=headers), deadline_s)
            answer.raise_for_status()
            return _parse(answer.json())
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        raise MindError(f"{base_url} does not list its models ({type(error).__name__}: {error})") from error


def _parse(body: object) -> list[ListedModel]:
    lines = body.get("data") if isinstance(body, dict) else None
    if not isinstance(lines, list):
        raise ValueError("the answer holds no list named data")
    named = (line for line in lines if isinstance(line, dict) and isinstance(line.get("id"), str))
    return [ListedModel(line["id"], str(line.get("owned_by", ""))) for line in named]


def first_chat_model(models: Sequence[ListedModel]) -> str | None:
    """The first listed model whose name is not that of an embedding, voice, ears or image model.

    A list of ours holds voices and ears only, and says that we own them: it yields None.
    """
    return next((m.id for m in models if m.owned_by != "voicechat" and not NOT_CHAT.search(m.id)), None)


async def find_mind(settings: LlmSettings, probe: Probe = list_models, *, skip_ports: Collection[int] = ()) -> Mind:
    """The mind that `settings.mind` asks for. Raises `MindError` where a kind was asked for and is not there.

    `skip_ports` are our own servers', which are not asked. Searching this machine takes at most half a second.
    """
    if settings.mind is MindKind.EMBEDDED:
        return embedded_mind(settings)
    if settings.mind is MindKind.OPENAI:
        return await _configured(settings, probe)
    if settings.mind is MindKind.AUTO and (settings.base_url or settings.api_key):
        return await _configured(settings, probe)
    local = await _local(settings, probe, skip_ports)
    if local is not None:
        return local
    if settings.mind is MindKind.LOCAL:
        known = ", ".join(f"{server.name} ({server.port})" for server in LOCAL_SERVERS)
        raise MindError(f"MIND=local, but none of {known} answers with a chat model: start one, or set MIND=embedded")
    return embedded_mind(settings)


def embedded_mind(settings: LlmSettings) -> Mind:
    """The small model of our own; its server is still to be started."""
    model = settings.embedded_model
    about = f"embedded {model}, a demonstration: it answers, but knows little; set OPENAI_BASE_URL or start Ollama"
    return Mind(MindKind.EMBEDDED, "", model, NO_KEY, about, is_demonstration=True)


async def _configured(settings: LlmSettings, probe: Probe) -> Mind:
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    if not (settings.base_url or key):
        raise MindError("MIND=openai needs OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own: set one")
    base_url = (settings.base_url or OPENAI_BASE_URL).rstrip("/")
    if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).hostname:
        raise MindError(f"OPENAI_BASE_URL is {base_url!r}: give an address such as http://127.0.0.1:11434/v1")
    model = settings.model or await _choose_model(base_url, key or NO_KEY, probe)
    if model == settings.embedded_model:  # our own server, started by `voicechat up` or beside this process
        about = embedded_mind(settings).description
        return Mind(MindKind.OPENAI, base_url, model, key or NO_KEY, about, is_demonstration=True)
    return Mind(MindKind.OPENAI, base_url, model, key or NO_KEY, f"{model} at {base_url}, as configured")


async def _choose_model(base_url: str, key: str, probe: Probe) -> str:
    if base_url == OPENAI_BASE_URL:
        return OPENAI_MODEL
    try:
        model = first_chat_model(await probe(base_url, key, REMOTE_DEADLINE_S))
    except MindError as error:
        raise MindError(f"{error}: check OPENAI_BASE_URL and OPENAI_API_KEY, or name OPENAI_MODEL") from error
    if model is None:
        raise MindError(f"{base_url} lists no chat model: name one in OPENAI_MODEL")
    return model


async def _local(settings: LlmSettings, probe: Probe, skip_ports: Collection[int]) -> Mind | None:
    servers = [server for server in LOCAL_SERVERS if server.port not in skip_ports]
    models = await asyncio.gather(*(_chat_model_of(server, settings.model, probe) for server in servers))
    for server, model in zip(servers, models, strict=True):
        if model is not None:
            about = f"{model} by {server.name} on this machine ({server.base_url})"
            return Mind(MindKind.LOCAL, server.base_url, model, NO_KEY, about)
    return None


async def _chat_model_of(server: LocalServer, wanted: str | None, probe: Probe) -> str | None:
    """The model of a server that would chat: the wanted one, where one is wanted."""
    try:
        async with asyncio.timeout(LOCAL_DEADLINE_S):
            models = await probe(server.base_url, NO_KEY, LOCAL_DEADLINE_S)
    except (MindError, TimeoutError):
        return None
    if wanted is None:
        return first_chat_model(models)
    return next((model.id for model in models if model.id == wanted), None)
