"""The mind as conversations use it: one light object each, one pool of connections for all."""

from __future__ import annotations

from typing import Any

import httpx2
import openai
from livekit.agents import NOT_GIVEN, APIConnectOptions
from livekit.plugins.openai import LLM

from voicechat.llm.find import OPENAI_BASE_URL, Mind, is_loopback
from voicechat.llm.forced_tools import ForcedToolLLM
from voicechat.settings import LlmSettings

CONNECT_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 64
RETRIES = 1
RETRY_INTERVAL_S = 0.3


def make_client(mind: Mind, settings: LlmSettings) -> openai.AsyncClient:
    """The connections that every conversation shares; close it after the last.

    It does not repeat requests: the conversation does, so that a person does not wait for retries of retries.
    """
    if not mind.base_url:
        raise ValueError("the embedded mind has no address yet: start its server and use mind.at(base_url)")
    wait_s = settings.request_timeout_s
    local = is_loopback(mind.base_url)
    http = httpx2.AsyncClient(
        timeout=httpx2.Timeout(wait_s, connect=CONNECT_TIMEOUT_S),
        # llama.cpp closes a connection as its next request arrives; a new one costs nothing on this machine.
        limits=httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=0 if local else None),
        # A proxy from the environment would carry the conversation off the machine.
        trust_env=not local,
    )
    return openai.AsyncClient(api_key=mind.api_key, base_url=mind.base_url, max_retries=0, http_client=http)


def make_llm(
    mind: Mind,
    settings: LlmSettings,
    client: openai.AsyncClient,
    *,
    temperature: float | None = None,
    max_output_tokens: int | None = None,
) -> LLM:
    """The mind of one conversation, on the shared `client`. None: as configured."""
    kind = ForcedToolLLM if mind.is_demonstration else LLM
    return kind(
        model=mind.model,
        client=client,
        temperature=settings.temperature if temperature is None else temperature,
        # Small and older servers do not know the strict form of tool schemas.
        _strict_tool_schema=False,
        **_length_limit(mind, max_output_tokens or settings.max_output_tokens),
    )


def connect_options(settings: LlmSettings) -> APIConnectOptions:
    """Deadline and retries of a request, for the `llm_conn_options` of a session's `SessionConnectOptions`."""
    return APIConnectOptions(max_retry=RETRIES, retry_interval=RETRY_INTERVAL_S, timeout=settings.request_timeout_s)


def _length_limit(mind: Mind, tokens: int) -> dict[str, Any]:
    """OpenAI's newer models refuse `max_tokens`; several compatible servers know nothing else."""
    if mind.base_url == OPENAI_BASE_URL:
        return {"max_completion_tokens": tokens}
    return {"max_completion_tokens": NOT_GIVEN, "extra_body": {"max_tokens": tokens}}
