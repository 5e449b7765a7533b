from __future__ import annotations

from voicechat.launch.environment import child_environment
from voicechat.settings import load_settings

EVERYTHING = ("", "server", "tts", "worker", "asr", "llm", "conversation", "models", "redis", "livekit", "logging")


def test_a_child_reads_exactly_what_its_parent_decided() -> None:
    decided = load_settings(
        environ={"OPENAI_API_KEY": "sk-1", "ENVIRONMENT": "production", "ASR_ENABLED": "false"},
        overrides={"tts.aliases": {"alloy": "joe"}, "worker.preload": ["a", "b"], "llm.temperature": 0},
    )

    assert load_settings(environ=child_environment(decided, EVERYTHING, {})) == decided


def test_what_was_inherited_does_not_contradict_what_was_decided() -> None:
    decided = load_settings(environ={}, overrides={"tts.default_model": "chosen"})

    environment = child_environment(decided, ("tts",), {"DEFAULT_MODEL": "other", "VOICECHAT_CONFIG": "x.yaml"})

    assert load_settings(environ=environment).tts.default_model == "chosen"


def test_a_child_gets_no_secret_of_another_part() -> None:
    secrets = {"OPENAI_API_KEY": "sk-1", "LIVEKIT_API_SECRET": "hush", "REDIS_URL_FILE": "/run/redis"}
    decided = load_settings(environ={"OPENAI_API_KEY": "sk-1", "LIVEKIT_API_SECRET": "hush"})

    environment = child_environment(decided, ("tts", "worker"), {**secrets, "PATH": "/bin"})

    assert environment["PATH"] == "/bin"
    assert not {"sk-1", "hush", "/run/redis"} & set(environment.values())
