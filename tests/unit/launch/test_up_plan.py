from __future__ import annotations

import pytest

from voicechat.launch.environment import child_environment
from voicechat.launch.services import mind_service, orchestrator_service, voice_service
from voicechat.launch.up import needed_models
from voicechat.llm.find import Mind, embedded_mind
from voicechat.settings import MindKind, Settings, load_settings

REMOTE = Mind(MindKind.OPENAI, "https://example.test/v1", "gpt", "sk-1", "gpt at example.test")


def settings(**overrides: object) -> Settings:
    names = {name.replace("__", "."): value for name, value in overrides.items()}
    return load_settings(environ={}, overrides=names)


def test_an_embedded_mind_needs_its_model() -> None:
    chosen = settings()

    assert needed_models(chosen, embedded_mind(chosen.llm)) == [
        "piper-en-us-joe-medium",
        "whisper-tiny.en",
        "smollm2-135m-instruct",
    ]


def test_a_remote_mind_and_deaf_ears_need_none() -> None:
    assert needed_models(settings(asr__enabled=False), REMOTE) == ["piper-en-us-joe-medium"]


def test_the_orchestrator_is_told_which_mind_was_found_and_where_the_voice_is() -> None:
    service = orchestrator_service(settings(llm__mind="local"), REMOTE, "127.0.0.1:4001")

    told = load_settings(environ=service.environment)
    assert (told.llm.base_url, told.llm.model, told.tts.worker_address) == (REMOTE.base_url, "gpt", "127.0.0.1:4001")
    assert told.llm.api_key is not None
    assert told.llm.api_key.get_secret_value() == "sk-1"


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_the_orchestrator_is_reached_on_loopback_wherever_it_listens(host: str) -> None:
    service = orchestrator_service(settings(server__host=host), REMOTE, "127.0.0.1:4001")

    assert service.address == "127.0.0.1:8080"


def test_the_voice_keeps_its_ports_and_hears_no_key() -> None:
    service = voice_service(settings(llm__api_key="sk-1", worker__port=7001))

    told = load_settings(environ=service.environment)
    assert service.address == f"127.0.0.1:{told.worker.port}"
    assert told.worker.port not in (0, 7001)
    assert "sk-1" not in service.environment.values()


def test_the_embedded_mind_listens_where_it_is_told() -> None:
    service = mind_service(settings(llm__embedded_port=4567, llm__api_key="sk-1"))

    assert service.address == "127.0.0.1:4567"
    assert service.command[service.command.index("--port") + 1] == "4567"
    assert "sk-1" not in service.environment.values()


def test_settings_survive_the_way_to_a_child() -> None:
    decided = settings(llm__instructions="Say 'hi', \"quoted\" and\nlined.")

    assert load_settings(environ=child_environment(decided, ("llm",), {})) == decided
