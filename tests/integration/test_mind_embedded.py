"""The embedded language model as a real process: it answers, stays on this machine, and dies when it should."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import psutil
import pytest
from livekit.agents.llm import ChatContext, FunctionToolCall, function_tool

from voicechat.llm.client import connect_options, make_client, make_llm
from voicechat.llm.embedded import embedded_command
from voicechat.llm.find import Mind, embedded_mind
from voicechat.llm.history import bound_history, estimate_tokens
from voicechat.settings import LlmSettings, Settings

SETTINGS = Settings(llm=LlmSettings(temperature=0))


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[str]
    port: int
    base_url: str

    @property
    def mind(self) -> Mind:
        return embedded_mind(SETTINGS.llm).at(self.base_url)


def start(port: int = 0) -> Server:
    process = subprocess.Popen(embedded_command(SETTINGS, port=port), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert ready["event"] == "ready"
    return Server(process, ready["port"], ready["base_url"])


def stop(server: Server) -> None:
    server.process.kill()
    server.process.wait()
    assert server.process.stdout is not None
    server.process.stdout.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = start()
    yield server
    stop(server)


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may end."""
    server = start()
    yield server
    stop(server)


@pytest.fixture
async def client(server: Server) -> AsyncIterator[openai.AsyncClient]:
    client = make_client(server.mind, SETTINGS.llm)
    yield client
    await client.close()


@function_tool
async def get_weather(city: str) -> str:
    """Look up the weather in a city."""
    return city


def question(text: str) -> ChatContext:
    context = ChatContext.empty()
    context.add_message(role="system", content=SETTINGS.llm.instructions)
    context.add_message(role="user", content=text)
    return context


@dataclass
class Reply:
    deltas: list[str]
    calls: list[FunctionToolCall]
    output_tokens: int = 0

    @property
    def text(self) -> str:
        return "".join(self.deltas)


async def ask(mind: Mind, client: openai.AsyncClient, context: ChatContext, **options: Any) -> Reply:
    llm = make_llm(mind, SETTINGS.llm, client)
    reply = Reply([], [])
    async with llm.chat(chat_ctx=context, conn_options=connect_options(SETTINGS.llm), **options) as stream:
        async for chunk in stream:
            if chunk.usage:
                reply.output_tokens = chunk.usage.completion_tokens
            if chunk.delta:
                reply.deltas += [chunk.delta.content] if chunk.delta.content else []
                reply.calls += chunk.delta.tool_calls
    await llm.aclose()
    return reply


async def test_it_streams_word_by_word_and_counts_its_tokens(server: Server, client: openai.AsyncClient) -> None:
    reply = await ask(server.mind, client, question("Tell me about the sea."))
    assert len(reply.deltas) > 5
    assert reply.output_tokens >= len(reply.deltas)


async def test_at_temperature_zero_the_same_question_has_the_same_answer(
    server: Server, client: openai.AsyncClient
) -> None:
    first = await ask(server.mind, client, question("Why is the sky blue?"))
    second = await ask(server.mind, client, question("Why is the sky blue?"))
    assert first.text == second.text != ""


async def test_two_conversations_are_answered_at_once_and_apart(server: Server, client: openai.AsyncClient) -> None:
    one, other = await asyncio.gather(
        ask(server.mind, client, question("Tell me about cats.")),
        ask(server.mind, client, question("Tell me about trains.")),
    )
    assert "cat" in one.text.lower()
    assert "train" in other.text.lower()


async def test_the_longest_history_that_is_sent_fits(server: Server, client: openai.AsyncClient) -> None:
    context = question("one two three " * 2000)
    reply = await ask(server.mind, client, bound_history(context, SETTINGS.llm.history_tokens))
    assert reply.output_tokens >= 1


async def test_a_required_tool_call_is_made_with_its_arguments(server: Server, client: openai.AsyncClient) -> None:
    asked = question("What is the weather in Paris?")
    reply = await ask(server.mind, client, asked, tools=[get_weather], tool_choice="required")
    [call] = reply.calls
    assert call.name == "get_weather"
    assert "city" in json.loads(call.arguments)
    assert reply.text == ""


async def test_an_optional_tool_leaves_it_talking(server: Server, client: openai.AsyncClient) -> None:
    reply = await ask(server.mind, client, question("Hello!"), tools=[get_weather], tool_choice="auto")
    assert reply.text


@pytest.mark.parametrize(
    "text",
    [
        "What is the capital of France? I would like to know, please.",
        "It costs $1,234.56 (plus 19 % tax), i.e. 2026-11-21T10:00:00Z!",
        "世界はとても広いです。Grüße aus Köln, señor. Привет!",
        "🙂🚀 ok",
        "antidisestablishmentarianism pneumonoultramicroscopic xyzzy qwrtp",
        '{"name": "get_weather", "arguments": {"city": "Paris", "days": [1, 2, 3]}}',
    ],
)
def test_the_estimate_of_tokens_is_never_too_low(server: Server, text: str) -> None:
    answer = httpx.post(server.base_url.removesuffix("/v1") + "/tokenize", json={"content": text}, trust_env=False)
    assert len(answer.json()["tokens"]) <= estimate_tokens(text)


def test_health_answers_and_only_loopback_is_bound(server: Server) -> None:
    assert httpx.get(server.base_url.removesuffix("/v1") + "/health", trust_env=False).json() == {"status": "ok"}
    bound = {c.laddr.ip for c in psutil.Process(server.process.pid).net_connections() if c.status == "LISTEN"}
    assert bound == {"127.0.0.1"}


def test_it_stands_behind_the_voice_for_the_processor(server: Server) -> None:
    assert psutil.Process(server.process.pid).nice() == 10


async def test_killed_while_speaking_it_fails_fast_and_answers_again_at_the_same_address(own_server: Server) -> None:
    client = make_client(own_server.mind, SETTINGS.llm)
    llm = make_llm(own_server.mind, SETTINGS.llm, client)
    async with llm.chat(
        chat_ctx=question("Tell me a long story."), conn_options=connect_options(SETTINGS.llm)
    ) as stream:
        await anext(aiter(stream))
        own_server.process.kill()
        own_server.process.wait()
        with pytest.raises(Exception, match="onnection"):
            async for _ in stream:
                pass
    again = start(own_server.port)
    try:
        assert (await ask(again.mind, client, question("Hello!"))).text
    finally:
        stop(again)
        await client.close()


def test_sigterm_ends_it_with_success(own_server: Server) -> None:
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(timeout=10) == 0


def test_it_does_not_outlive_the_process_that_started_it() -> None:
    parent = textwrap.dedent(
        f"""
        import os, signal, subprocess
        child = subprocess.Popen({embedded_command(SETTINGS, port=0)!r}, stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        print(child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    died = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, timeout=60)
    child = int(died.stdout)
    if psutil.pid_exists(child):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(child).wait(timeout=10)
    assert not psutil.pid_exists(child)


def test_a_taken_port_is_named_on_stderr(server: Server) -> None:
    second = subprocess.run(
        embedded_command(SETTINGS, port=server.port), capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 2
    assert f"port {server.port} is in use" in second.stderr
