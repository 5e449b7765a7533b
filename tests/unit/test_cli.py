from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from voicechat.audio.wav import write_wav
from voicechat.cli import app

HEAVY = ("numpy", "pydantic", "grpc", "httpx", "livekit", "openai", "soundfile", "structlog", "websockets", "asyncio")


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LOG_LEVEL", "VOICECHAT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VOICECHAT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_commands_are_known_before_anything_heavy_is_imported() -> None:
    probe = f"import sys, voicechat.cli; print([name for name in {HEAVY!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    [
        *("up", "orchestrator", "worker", "talk", "say", "models list", "models pull", "models verify", "doctor"),
        *("init", "backup", "restore"),
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    code, out, _ = run(*command.split(), "--help")

    assert code == 0
    assert "Usage:" in out


def test_the_version_is_one_line() -> None:
    code, out, _ = run("--version")

    assert (code, len(out.splitlines())) == (0, 1)
    assert out[0].isdigit()


@pytest.mark.parametrize("command", ["up", "orchestrator", "worker", "doctor"])
def test_an_unknown_setting_stops_the_start_and_the_nearest_is_named(command: str) -> None:
    code, _, errors = run(command, "--set", "llm.temprature=0")

    assert code == 2
    assert "llm.temprature" in errors
    assert "did you mean llm.temperature?" in errors


def test_a_setting_without_a_value_is_refused() -> None:
    code, _, errors = run("up", "--set", "temperature")

    assert code == 2
    assert "SECTION.KEY=VALUE" in errors


def test_a_wrong_variable_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASR_DEVICE", "gpu")

    code, _, errors = run("up")

    assert code == 2
    assert "ASR_DEVICE" in errors
    assert "cuda" in errors


def test_options_win_over_set_and_set_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIND", "openai")
    up = ("up", "--port", "0", "--ops-port", "0")

    assert "MIND=openai needs" in run(*up)[2]
    assert "models pull" in run(*up, "--set", "llm.mind=embedded")[2]
    assert "MIND=openai needs" in run(*up, "--set", "llm.mind=embedded", "--mind", "openai")[2]


@pytest.mark.parametrize(("option", "other"), [("--port", "--ops-port"), ("--ops-port", "--port")])
def test_a_taken_port_is_named_with_its_option(option: str, other: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        code, _, errors = run("up", option, str(port), other, "0")

    assert code == 1
    assert f"port {port} is in use" in errors
    assert option in errors


def test_absent_models_are_named_with_the_command_that_fetches_them() -> None:
    code, _, errors = run("up", "--port", "0", "--ops-port", "0", "--mind", "embedded")

    assert code == 1
    assert "voicechat models pull piper-en-us-joe-medium whisper-tiny.en smollm2-135m-instruct" in errors


def test_an_unknown_voice_is_refused_with_the_nearest() -> None:
    code, _, errors = run("up", "--port", "0", "--ops-port", "0", "--mind", "embedded", "--voice", "piper-en-us-jo")

    assert code == 1
    assert "piper-en-us-joe-medium" in errors


def test_talking_to_nobody_names_the_address_and_the_remedy(tmp_path: Path, closed_port: int) -> None:
    write_wav(tmp_path / "q.wav", np.ones(1600, np.int16), 16_000)
    url = f"ws://127.0.0.1:{closed_port}/v1/realtime"

    code, _, errors = run("talk", "--url", url, "--input", str(tmp_path / "q.wav"))

    assert code == 1
    assert url in errors
    assert "voicechat up" in errors


@pytest.mark.parametrize("content", [b"", b"not audio at all", b"RIFF\x00\x00\x00\x00WAVE"])
def test_a_file_that_is_not_audio_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "q.wav").write_bytes(content)

    code, _, errors = run("talk", "--input", str(tmp_path / "q.wav"))

    assert code == 2
    assert "q.wav" in errors


def test_a_recording_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    code, _, errors = run("talk", "--input", str(tmp_path / "none.wav"))

    assert code == 2
    assert "does not exist" in errors


def test_a_recording_of_two_hours_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", np.zeros(7200 * 100, np.int16), 100)

    code, _, errors = run("talk", "--input", str(tmp_path / "long.wav"))

    assert code == 2
    assert "lasts 7200 s" in errors


def test_json_without_a_recording_is_refused() -> None:
    code, _, errors = run("talk", "--json")

    assert code == 2
    assert "--input" in errors


@pytest.mark.parametrize("text", ["", "  \n"])
def test_there_must_be_something_to_say(tmp_path: Path, text: str) -> None:
    code, _, errors = run("say", "-", "--output", str(tmp_path / "out.wav"), stdin=text)

    assert code == 2
    assert "nothing to say" in errors


def test_a_server_that_was_named_must_answer(tmp_path: Path, closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}"

    code, _, errors = run("say", "hello", "--output", str(tmp_path / "out.wav"), "--url", url)

    assert code == 1
    assert f"no server answers at {url}" in errors


def test_saying_something_without_a_voice_names_the_command_that_fetches_it(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicechat.launch.say.DEFAULT_URL", f"http://127.0.0.1:{closed_port}")

    code, _, errors = run("say", "hello", "--voice", "piper-en-us-lessac-medium", "--output", str(tmp_path / "out.wav"))

    assert code == 1
    assert "voicechat models pull piper-en-us-lessac-medium" in errors


def test_every_known_model_is_listed_with_its_state() -> None:
    code, out, _ = run("models", "list", "--json")

    states = {model["id"]: model["state"] for model in json.loads(out)}
    assert code == 0
    assert states["whisper-tiny.en"] == "missing"


def test_an_unknown_model_is_refused_before_anything_is_fetched() -> None:
    code, _, errors = run("models", "pull", "whisper-tiny.en", "whisper-tini")

    assert code == 1
    assert "unknown model 'whisper-tini'" in errors


def test_pulling_nothing_is_refused() -> None:
    code, _, errors = run("models", "pull")

    assert code == 2
    assert "--default" in errors


def test_verifying_an_absent_model_fails() -> None:
    code, out, _ = run("models", "verify", "whisper-tiny.en")

    assert code == 1
    assert "voicechat models pull whisper-tiny.en" in out


def test_the_doctor_fails_without_models_and_says_how_to_mend_it() -> None:
    code, out, _ = run("doctor", "--json", "--set", "server.port=0", "--set", "server.health_check_port=0")

    findings = {finding["subject"]: finding for finding in json.loads(out)}
    assert code == 1
    assert findings["voice"]["verdict"] == "fail"
    assert findings["voice"]["mend"] == "voicechat models pull piper-en-us-joe-medium"
    assert findings["python"]["verdict"] == "ok"


def test_an_installation_is_made_in_the_directory_where_one_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copy(Path(__file__).parents[2] / ".env.example", tmp_path)
    monkeypatch.chdir(tmp_path)

    code, out, _ = run("init", "voice.example.com", "203.0.113.7")

    assert code == 0
    assert out.splitlines()[0] == ".env.prod"
    assert "DOMAIN=voice.example.com\nNODE_IP=203.0.113.7\n" in (tmp_path / ".env").read_text()


def test_a_backup_needs_an_engine_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")

    code, _, errors = run("backup")

    assert code == 1
    assert errors == "voicechat: DOCKER_HOST is tcp://192.0.2.1:2375: run this on the machine of that engine\n"
