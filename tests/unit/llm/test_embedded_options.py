"""The embedded server is started so that it cannot take what the voice needs."""

from pathlib import Path

import pytest

from voicechat.llm.embedded import EmbeddedOptions, default_threads, embedded_command, main, server_params
from voicechat.settings import LlmSettings, ModelsSettings, Settings

OPTIONS = EmbeddedOptions(
    gguf=Path("m.gguf"), name="m", host="127.0.0.1", port=0, threads=1, slots=2, context_tokens=1000
)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (8, 7)])
def test_one_core_is_left_for_the_voice(cores: int, threads: int) -> None:
    assert default_threads(cores) == threads


def test_it_listens_on_loopback_only_and_to_no_foreign_page() -> None:
    params = server_params(OPTIONS)
    assert params.hostnames == ["127.0.0.1"]
    assert params.cors_origins != "*"


def test_every_slot_gets_the_context_it_was_promised() -> None:
    params = server_params(OPTIONS)
    assert params.n_parallel == 2
    assert params.n_ctx / params.n_parallel == 1024


def test_the_command_carries_the_settings_and_room_for_history_and_reply() -> None:
    settings = Settings(
        llm=LlmSettings(embedded_model="tiny", embedded_threads=3, history_tokens=1000, max_output_tokens=100),
        models=ModelsSettings(directory=Path("/models")),
    )
    command = " ".join(embedded_command(settings, port=1234))
    assert "--model tiny" in command
    assert "--threads 3" in command
    assert "--context 1356" in command
    assert "--models /models" in command
    assert "--port 1234" in command


def test_a_missing_file_ends_the_start_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", "/nowhere/m.gguf", "--nice", "0"]) == 2
    assert "/nowhere/m.gguf does not exist" in capsys.readouterr().err
