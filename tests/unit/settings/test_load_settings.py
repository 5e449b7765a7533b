from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voicechat.settings import (
    Adapter,
    Device,
    EarsAdapter,
    Environment,
    LogLevel,
    Settings,
    SettingsError,
    load_settings,
)

REPOSITORY = Path(__file__).parents[3]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "orchestrator.yaml"
    path.write_text(text)
    return path


def refusal(config: Path | None = None, environ: dict[str, str] | None = None, **overrides: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(config, environ or {}, {name.replace("__", "."): value for name, value in overrides.items()})
    return str(caught.value)


def test_nothing_given_means_defaults() -> None:
    assert load_settings(None, {}, {}) == Settings()


def test_the_file_overrides_defaults(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "server: {port: 9000}"), {}, {}).server.port == 9000


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    config = write(tmp_path, "server: {port: 9000}")
    assert load_settings(config, {"VOICECHAT_SERVER__PORT": "9001"}, {}).server.port == 9001


def test_the_command_line_overrides_the_environment() -> None:
    settings = load_settings(None, {"VOICECHAT_SERVER__PORT": "9001"}, {"server.port": 9002})
    assert settings.server.port == 9002


def test_an_option_that_was_not_given_overrides_nothing() -> None:
    assert load_settings(None, {"VOICECHAT_SERVER__PORT": "9001"}, {"server.port": None}).server.port == 9001


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    config = write(tmp_path, "server: {port: 9000}")
    assert load_settings(None, {"VOICECHAT_CONFIG": str(config)}, {}).server.port == 9000


NOT_SETTINGS = {"lexicon.yaml", "livekit.yaml", "livekit.prod.yaml"}
EXAMPLES = sorted(path for path in (REPOSITORY / "configs").glob("*.yaml") if path.name not in NOT_SETTINGS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_file_loads(path: Path) -> None:
    load_settings(path, {}, {})


def test_a_file_of_the_production_guide_loads(tmp_path: Path) -> None:
    config = write(
        tmp_path,
        """
        server: {host: 0.0.0.0, port: 8080, health_check_port: 8081}
        tts: {worker_address: "tts:7001", default_model: "piper-en-us-lessac-medium"}
        asr: {enabled: true, adapter: "whisperx", device: "auto"}
        """,
    )
    settings = load_settings(config, {}, {})
    assert settings.tts.worker_address == "tts:7001"
    assert settings.asr.adapter is EarsAdapter.WHISPERX


def test_the_short_variables_work() -> None:
    settings = load_settings(
        None,
        {
            "ADAPTER_TYPE": "cosyvoice",
            "DEFAULT_MODEL": "piper-en-us-lessac-medium",
            "LIVEKIT_URL": "ws://livekit:7880",
            "LIVEKIT_API_KEY": "key",
            "LIVEKIT_API_SECRET": "secret",
            "OPENAI_API_KEY": "sk-1",
            "OPENAI_BASE_URL": "http://127.0.0.1:11434/v1",
            "ASR_ENABLED": "false",
            "ASR_ADAPTER": "whisperx",
            "ASR_DEVICE": "cuda",
            "ENVIRONMENT": "production",
            "LOG_LEVEL": "DEBUG",
            "RESIDENT_CAP": "3",
            "TTL_MS": "1000",
            "REDIS_URL": "redis://redis:6379/0",
        },
        {},
    )
    assert settings.tts.adapter is Adapter.COSYVOICE
    assert settings.tts.default_model == "piper-en-us-lessac-medium"
    assert (settings.livekit.url, settings.livekit.api_key) == ("ws://livekit:7880", "key")
    assert settings.livekit.api_secret is not None
    assert settings.livekit.api_secret.get_secret_value() == "secret"
    assert settings.llm.api_key is not None
    assert settings.llm.api_key.get_secret_value() == "sk-1"
    assert settings.llm.base_url == "http://127.0.0.1:11434/v1"
    assert (settings.asr.enabled, settings.asr.device) == (False, Device.CUDA)
    assert settings.environment is Environment.PRODUCTION
    assert settings.logging.level is LogLevel.DEBUG
    assert (settings.worker.resident_cap, settings.worker.ttl_ms) == (3, 1000)
    assert settings.redis.url is not None


def test_an_empty_variable_counts_as_unset() -> None:
    assert load_settings(None, {"ASR_DEVICE": "", "VOICECHAT_WHATEVER": ""}, {}) == Settings()


def test_the_long_variable_wins_over_the_short_one() -> None:
    environ = {"VOICECHAT_ASR__MODEL": "whisper-base.en", "ASR_MODEL": "whisper-tiny.en"}
    assert load_settings(None, environ, {}).asr.model == "whisper-base.en"


def test_enumerated_values_may_be_written_in_any_case() -> None:
    assert load_settings(None, {"LOG_LEVEL": "debug"}, {}).logging.level is LogLevel.DEBUG


def test_lists_and_mappings_in_variables_are_json() -> None:
    environ = {
        "VOICECHAT_WORKER__PRELOAD": '["piper-en-us-joe-medium"]',
        "VOICECHAT_TTS__ALIASES": '{"alloy": "piper-en-us-joe-medium"}',
    }
    settings = load_settings(None, environ, {})
    assert settings.worker.preload == ["piper-en-us-joe-medium"]
    assert settings.tts.aliases == {"alloy": "piper-en-us-joe-medium"}


def test_a_secret_can_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("sk-from-file\n")
    settings = load_settings(None, {"OPENAI_API_KEY_FILE": str(secret)}, {})
    assert settings.llm.api_key is not None
    assert settings.llm.api_key.get_secret_value() == "sk-from-file"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    text = refusal(environ={"OPENAI_API_KEY_FILE": str(tmp_path / "key"), "OPENAI_API_KEY": "sk-1"})
    assert "set one of the two" in text
    assert "sk-1" not in text


def test_a_secret_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    text = refusal(environ={"LIVEKIT_API_SECRET_FILE": str(tmp_path / "absent")})
    assert "LIVEKIT_API_SECRET_FILE: livekit.api_secret: cannot read" in text


def test_an_empty_file_of_a_secret_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("\n")
    assert "is empty; write the secret into it" in refusal(environ={"LIVEKIT_API_SECRET_FILE": str(secret)})


def test_a_language_model_of_ones_own_needs_no_key_in_its_file(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch()
    assert load_settings(None, {"OPENAI_API_KEY_FILE": str(key)}, {}).llm.api_key is None


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest(tmp_path: Path) -> None:
    text = refusal(write(tmp_path, "server:\n  port: 1\n  health_check_prot: 2\n"))
    assert "orchestrator.yaml:3: server.health_check_prot: is unknown; did you mean server.health_check_port?" in text


def test_an_unknown_section_is_refused_with_the_nearest(tmp_path: Path) -> None:
    assert "did you mean asr?" in refusal(write(tmp_path, "aasr: {enabled: true}"))


def test_a_setting_outside_its_section_is_found(tmp_path: Path) -> None:
    assert "did you mean server.port?" in refusal(write(tmp_path, "port: 1"))


def test_an_unknown_variable_is_refused_with_the_nearest() -> None:
    text = refusal(environ={"VOICECHAT_SERVER__POTR": "1"})
    assert "VOICECHAT_SERVER__POTR: is unknown; did you mean VOICECHAT_SERVER__PORT?" in text


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    assert "command line: server.prt: is unknown; did you mean server.port?" in refusal(server__prt=1)


def test_variables_that_kubernetes_adds_are_not_ours() -> None:
    environ = {
        "VOICECHAT_WORKER_SERVICE_HOST": "10.0.0.1",
        "VOICECHAT_WORKER_SERVICE_PORT_GRPC": "7001",
        "VOICECHAT_PORT": "tcp://10.0.0.1:8080",
        "VOICECHAT_PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    assert load_settings(None, environ, {}) == Settings()


@pytest.mark.parametrize(
    ("environ", "legal"),
    [
        ({"ASR_ADAPTER": "whsper"}, "one of whisper, whisper-full, whisperx"),
        ({"VOICECHAT_SERVER__PORT": "99999"}, "a whole number at least 0 and at most 65535"),
        ({"ASR_ENABLED": "perhaps"}, "true or false"),
        ({"VOICECHAT_TTS__ALIASES": "alloy"}, 'a mapping, such as {"a": "b"}'),
        ({"VOICECHAT_WORKER__PRELOAD": "joe"}, 'a list, such as ["a", "b"]'),
        ({"VOICECHAT_LLM__TEMPERATURE": "9"}, "a number at least 0 and at most 2"),
    ],
)
def test_an_illegal_value_is_refused_with_what_is_legal(environ: dict[str, str], legal: str) -> None:
    (variable,) = environ
    text = refusal(environ=environ)
    assert variable in text
    assert f"{environ[variable]!r} is not allowed; use {legal}" in text


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    config = write(tmp_path, "server: {prt: 1}\nasr: {device: gpu}")
    text = refusal(config, {"LOG_LEVEL": "loud"}, worker__resident_cap=0)
    assert text.startswith("4 wrong settings:")
    for place in ("server.prt", "asr.device", "LOG_LEVEL", "worker.resident_cap"):
        assert place in text


def test_an_illegal_secret_is_not_shown(tmp_path: Path) -> None:
    text = refusal(write(tmp_path, "llm: {api_key: 123456}"))
    assert "123456" not in text
    assert "llm.api_key: the secret is not allowed" in text


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert "must be a mapping" in refusal(write(tmp_path, text))


def test_broken_yaml_is_refused(tmp_path: Path) -> None:
    assert "is not YAML" in refusal(write(tmp_path, "server: [1, 2"))


def test_python_tags_in_yaml_are_refused(tmp_path: Path) -> None:
    assert "is not plain YAML" in refusal(write(tmp_path, "asr: {model: !!python/name:os.system }"))


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    assert "absent.yaml: cannot be read" in refusal(tmp_path / "absent.yaml")


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    assert "server.port: is given twice" in refusal(write(tmp_path, "server:\n  port: 1\n  port: 2\n"))


@pytest.mark.parametrize("text", ["", "# nothing\n", "server:\n"])
def test_an_empty_file_or_section_means_defaults(tmp_path: Path, text: str) -> None:
    assert load_settings(write(tmp_path, text), {}, {}) == Settings()


def test_a_rule_between_settings_names_where_they_stand() -> None:
    text = refusal(environ={"VOICECHAT_CONVERSATION__PLAYOUT_LEAD_MIN_MS": "900"})
    assert "VOICECHAT_CONVERSATION__PLAYOUT_LEAD_MIN_MS: conversation: playout_lead_min_ms must not be above" in text


def test_production_refuses_the_public_livekit_key() -> None:
    assert "'devkey' is known to everybody" in refusal(
        environ={"ENVIRONMENT": "production", "LIVEKIT_API_KEY": "devkey"}
    )
