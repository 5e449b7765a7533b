"""Every conversation has a light mind of its own on shared connections."""

import pytest

from voicechat.llm.client import connect_options, make_client, make_llm
from voicechat.llm.find import OPENAI_BASE_URL, Mind, embedded_mind
from voicechat.settings import LlmSettings, MindKind

SETTINGS = LlmSettings()
REMOTE = Mind(MindKind.OPENAI, OPENAI_BASE_URL, "gpt-4.1-mini", "sk-1", "openai")
LOCAL = Mind(MindKind.LOCAL, "http://127.0.0.1:11434/v1", "qwen", "none", "ollama")


async def test_two_conversations_share_connections_and_nothing_else() -> None:
    client = make_client(LOCAL, SETTINGS)
    first, second = make_llm(LOCAL, SETTINGS, client), make_llm(LOCAL, SETTINGS, client)
    assert first is not second
    await first.aclose()
    assert not client.is_closed()
    await client.close()


async def test_the_length_is_limited_in_the_words_that_the_server_knows() -> None:
    local = make_llm(LOCAL, SETTINGS, make_client(LOCAL, SETTINGS), max_output_tokens=50)
    remote = make_llm(REMOTE, SETTINGS, make_client(REMOTE, SETTINGS), max_output_tokens=50)
    assert local._opts.extra_body == {"max_tokens": 50}
    assert remote._opts.max_completion_tokens == 50


async def test_a_temperature_of_zero_is_kept() -> None:
    llm = make_llm(LOCAL, SETTINGS, make_client(LOCAL, SETTINGS), temperature=0)
    assert llm._opts.temperature == 0


def test_an_embedded_mind_without_an_address_cannot_be_called() -> None:
    with pytest.raises(ValueError, match="no address yet"):
        make_client(embedded_mind(SETTINGS), SETTINGS)


def test_a_request_has_the_deadline_of_the_settings_and_is_repeated_once() -> None:
    options = connect_options(LlmSettings(request_timeout_s=7))
    assert (options.timeout, options.max_retry) == (7, 1)
