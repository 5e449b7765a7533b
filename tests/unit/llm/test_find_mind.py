"""The mind is what the owner configured, else a server on this machine, else the embedded one."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from pydantic import SecretStr

from voicechat.llm.find import (
    OPENAI_BASE_URL,
    ListedModel,
    Mind,
    MindError,
    Probe,
    find_mind,
    first_chat_model,
    is_loopback,
)
from voicechat.settings import LlmSettings, MindKind

OLLAMA = "http://127.0.0.1:11434/v1"
LLAMA = "http://127.0.0.1:8080/v1"
VLLM = "http://127.0.0.1:8000/v1"


class Machine:
    """Servers by address, and who was asked."""

    def __init__(self, servers: Mapping[str, Sequence[str]] = {}, *, silent: Sequence[str] = ()) -> None:  # noqa: B006
        self.servers = servers
        self.silent = silent
        self.asked: list[str] = []

    async def probe(self, base_url: str, api_key: str, deadline_s: float) -> Sequence[ListedModel]:
        self.asked.append(base_url)
        if base_url in self.silent:
            await asyncio.Event().wait()
        if base_url not in self.servers:
            raise MindError(f"{base_url} does not answer")
        return [ListedModel(model) for model in self.servers[base_url]]


async def nobody(base_url: str, api_key: str, deadline_s: float) -> Sequence[ListedModel]:
    raise AssertionError(f"{base_url} was asked")


async def found(settings: LlmSettings, probe: Probe) -> tuple[MindKind, str, str]:
    mind = await find_mind(settings, probe)
    return mind.kind, mind.base_url, mind.model


async def test_alone_on_a_machine_the_embedded_model_answers_and_says_that_it_is_a_demonstration() -> None:
    mind = await find_mind(LlmSettings(), Machine().probe)
    assert (mind.kind, mind.model, mind.is_demonstration) == (MindKind.EMBEDDED, "smollm2-135m-instruct", True)
    assert "demonstration" in mind.description


async def test_a_server_on_this_machine_is_taken_before_the_embedded_model() -> None:
    mind = await find_mind(LlmSettings(), Machine({OLLAMA: ["nomic-embed-text", "qwen3:4b"]}).probe)
    assert (mind.kind, mind.base_url, mind.model) == (MindKind.LOCAL, OLLAMA, "qwen3:4b")
    assert "Ollama" in mind.description
    assert not mind.is_demonstration


async def test_the_order_of_servers_decides_between_two() -> None:
    assert await found(LlmSettings(), Machine({VLLM: ["b"], OLLAMA: ["a"]}).probe) == (MindKind.LOCAL, OLLAMA, "a")


async def test_a_server_that_lists_no_chat_model_is_passed_over() -> None:
    machine = Machine({OLLAMA: ["bge-m3", "nomic-embed-text"], VLLM: ["llama"]})
    assert await found(LlmSettings(), machine.probe) == (MindKind.LOCAL, VLLM, "llama")


async def test_a_server_that_never_answers_holds_up_no_other() -> None:
    machine = Machine({VLLM: ["llama"]}, silent=[OLLAMA])
    async with asyncio.timeout(5):
        assert (await find_mind(LlmSettings(), machine.probe)).base_url == VLLM


async def test_only_this_machine_is_asked_where_nothing_is_configured() -> None:
    machine = Machine()
    await find_mind(LlmSettings(), machine.probe)
    assert machine.asked
    assert all(is_loopback(address) for address in machine.asked)


async def test_our_own_port_is_not_asked() -> None:
    machine = Machine({LLAMA: ["whatever"]})
    mind = await find_mind(LlmSettings(), machine.probe, skip_ports=[8080])
    assert mind.kind is MindKind.EMBEDDED
    assert LLAMA not in machine.asked


def test_a_list_of_ours_holds_no_chat_model() -> None:
    ours = [ListedModel("piper-en-us-joe-medium", "voicechat"), ListedModel("gpt-realtime", "voicechat")]
    assert first_chat_model(ours) is None


async def test_a_configured_address_is_taken_before_this_machine() -> None:
    machine = Machine({OLLAMA: ["qwen"], "http://box:9000/v1": ["mistral"]})
    settings = LlmSettings(base_url="http://box:9000/v1/")
    assert await found(settings, machine.probe) == (MindKind.OPENAI, "http://box:9000/v1", "mistral")
    assert OLLAMA not in machine.asked


async def test_a_configured_model_is_not_looked_up() -> None:
    settings = LlmSettings(base_url="http://box:9000/v1", model="mistral")
    assert await found(settings, nobody) == (MindKind.OPENAI, "http://box:9000/v1", "mistral")


async def test_the_embedded_model_at_a_configured_address_is_still_a_demonstration() -> None:
    settings = LlmSettings(base_url="http://llm:8000/v1", model="smollm2-135m-instruct")
    mind = await find_mind(settings, nobody)
    assert (mind.kind, mind.base_url, mind.is_demonstration) == (MindKind.OPENAI, "http://llm:8000/v1", True)


async def test_a_bare_key_means_openai() -> None:
    mind = await find_mind(LlmSettings(api_key=SecretStr("sk-1")), nobody)
    assert (mind.base_url, mind.api_key) == (OPENAI_BASE_URL, "sk-1")


async def test_a_configured_server_that_does_not_answer_is_an_error_that_names_the_settings() -> None:
    with pytest.raises(MindError, match="OPENAI_BASE_URL.*OPENAI_MODEL"):
        await find_mind(LlmSettings(base_url="http://127.0.0.1:9/v1"), Machine().probe)


@pytest.mark.parametrize("address", ["localhost:11434", "ftp://box/v1", "", "http://"])
async def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(MindError, match="OPENAI_BASE_URL"):
        await find_mind(LlmSettings(mind=MindKind.OPENAI, base_url=address), nobody)


async def test_openai_without_key_and_address_names_both() -> None:
    with pytest.raises(MindError, match="OPENAI_API_KEY, or OPENAI_BASE_URL"):
        await find_mind(LlmSettings(mind=MindKind.OPENAI), nobody)


async def test_local_without_a_server_names_those_that_are_known() -> None:
    with pytest.raises(MindError, match=r"Ollama \(11434\)"):
        await find_mind(LlmSettings(mind=MindKind.LOCAL), Machine().probe)


async def test_embedded_asks_nobody_even_with_a_key() -> None:
    settings = LlmSettings(mind=MindKind.EMBEDDED, api_key=SecretStr("sk-1"))
    assert (await find_mind(settings, nobody)).kind is MindKind.EMBEDDED


async def test_a_wanted_model_chooses_between_the_models_of_a_server() -> None:
    machine = Machine({OLLAMA: ["qwen", "mistral"]})
    assert await found(LlmSettings(model="mistral"), machine.probe) == (MindKind.LOCAL, OLLAMA, "mistral")


def test_the_key_does_not_appear_where_a_mind_is_printed() -> None:
    mind = Mind(MindKind.OPENAI, OPENAI_BASE_URL, "m", "sk-secret", "m at openai")
    assert "sk-secret" not in repr(mind)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:1", True),
        ("http://box/v1", False),
    ],
)
def test_loopback_is_recognised(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected
