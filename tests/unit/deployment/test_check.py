"""Each thing that would stop a start, or leave it unsafe, is found, and said how to mend."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest

from voicechat.deployment.check import check_deployment, media_ports
from voicechat.deployment.engine import Engine
from voicechat.deployment.host import Host
from voicechat.deployment.init import initialise
from voicechat.launch.doctor import Finding, Verdict

ROOT = Path(__file__).parents[3]
HOST = Host(cores=4, memory_mib=16_000, address="203.0.113.7", reserved_ports="8000,50000-50099")
PORTS = ("HTTP", "HTTPS", "WEB_TLS", "LIVEKIT_TLS", "RTC_TCP", "API", "OPS", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An installation that would start."""
    shutil.copy(ROOT / ".env.example", tmp_path)
    list(initialise(tmp_path, HOST, "voice.example.com", None))
    _edit(tmp_path, OPENAI_BASE_URL="http://llm:8000/v1", **{f"{name}_PORT": "0" for name in PORTS})
    return tmp_path


def _edit(directory: Path, **values: str) -> None:
    path = directory / ".env.prod"
    lines = [line for line in path.read_text().splitlines() if line.partition("=")[0] not in values]
    path.write_text("\n".join([*lines, *(f"{name}={value}" for name, value in values.items())]) + "\n")


def _engine(images: bool = True, published: int = 0) -> Engine:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/info"):
            return httpx.Response(200, json={"ServerVersion": "28.0"})
        if path.endswith("/containers/json"):
            return httpx.Response(200, json=[{"Names": ["/caddy"], "Ports": [{"PublicPort": published}]}])
        return httpx.Response(200 if images else 404, json={"message": "no such image"})

    return Engine(httpx.Client(transport=httpx.MockTransport(answer), base_url="http://docker"))


def _broken(directory: Path, engine: Engine | None = None) -> dict[str, Finding]:
    found = check_deployment(directory, HOST, nullcontext(engine or _engine()))
    return {finding.subject: finding for finding in found if finding.verdict is not Verdict.OK}


def test_what_would_start_has_no_findings(directory: Path) -> None:
    assert _broken(directory) == {}


def test_without_settings_it_names_the_command_that_makes_them(tmp_path: Path) -> None:
    (finding,) = _broken(tmp_path).values()
    assert finding.verdict is Verdict.FAIL
    assert finding.mend == "deploy/voicechat init"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("NODE_IP", "voice.example.com", "to the address under which callers reach this machine"),
        ("NODE_IP", "127.0.0.1", "to the address under which callers reach this machine"),
        ("LIVEKIT_API_KEY", "", "deploy/voicechat init"),
        ("OPENAI_API_KEY", "sk-1", "moves it into a file"),
        ("TTS_CPUS", "5", "set TTS_CPUS=4"),
        ("TLS", "letsencrypt", "one of auto, files, internal"),
        ("TLS", "files", "put them there"),
        ("ASR_ADAPTER", "whisperx", "this image has"),
        ("DEFAULT_MODEL", "piper-en-us-jo-medium", "one of your own"),
        ("TTS_CPU", "1", "mend its name"),
    ],
)
def test_a_wrong_setting_is_found_and_mended(directory: Path, variable: str, value: str, words: str) -> None:
    _edit(directory, **{variable: value})
    (finding,) = _broken(directory).values()
    assert finding.subject == variable
    assert words in finding.mend


@pytest.mark.parametrize(
    ("first", "last", "reserved", "verdict"),
    [
        (50_000, 50_099, "", Verdict.WARN),
        (50_000, 50_099, "50000-50099", Verdict.OK),
        (32_700, 32_800, "", Verdict.WARN),
        (31_900, 31_939, "", Verdict.OK),
        (61_000, 61_100, "", Verdict.OK),
    ],
)
def test_ports_of_media_must_not_be_lent_to_others(first: int, last: int, reserved: str, verdict: Verdict) -> None:
    values = {"RTC_PORT_START": str(first), "RTC_PORT_END": str(last)}
    assert media_ports(values, range(32_768, 61_000), reserved).verdict is verdict


def test_localhost_cannot_have_a_certificate_of_the_world(directory: Path) -> None:
    _edit(directory, TLS="auto", DOMAIN="localhost")
    assert _broken(directory)["TLS"].verdict is Verdict.FAIL


def test_somebody_must_answer(directory: Path) -> None:
    _edit(directory, OPENAI_BASE_URL="")
    assert "secrets/openai_api_key" in _broken(directory)["language model"].mend
    key = directory / "secrets" / "openai_api_key"
    key.chmod(0o600)
    key.write_text("sk-1")
    assert _broken(directory) == {}


def _remove(path: Path) -> None:
    path.unlink()


def _weaken(path: Path) -> None:
    path.chmod(0o600)
    path.write_text("secret")


@pytest.mark.parametrize("harm", [_remove, _weaken])
@pytest.mark.parametrize("name", ["redis_password", "livekit_api_secret", "grpc_secret"])
def test_a_missing_or_weak_secret_is_found(directory: Path, harm: Callable[[Path], None], name: str) -> None:
    harm(directory / "secrets" / name)
    finding = _broken(directory)[f"secrets/{name}"]
    assert finding.verdict is Verdict.FAIL
    assert "deploy/voicechat init" in finding.mend


def test_secrets_that_others_can_read_are_found(directory: Path) -> None:
    (directory / "secrets").chmod(0o755)
    (directory / ".env.prod").chmod(0o644)
    broken = _broken(directory)
    assert broken["secrets"].verdict is Verdict.FAIL
    assert broken[".env.prod"].verdict is Verdict.WARN


def test_images_that_are_not_built_are_named(directory: Path) -> None:
    finding = _broken(directory, _engine(images=False))["images"]
    assert "tts-worker:prod" in finding.detail
    assert finding.mend == "docker compose -f docker-compose.prod.yml build"


def test_a_port_of_another_program_is_found_and_one_of_ours_is_not(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        _edit(directory, WEB_TLS_PORT=str(port))
        assert f"port {port} is in use" in _broken(directory)["WEB_TLS_PORT"].detail
        assert _broken(directory, _engine(published=port)) == {}


def test_without_docker_the_rest_is_checked_all_the_same(directory: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no such file")

    _edit(directory, TLS="files")
    stopped = Engine(httpx.Client(transport=httpx.MockTransport(refuse), base_url="http://docker"))
    assert _broken(directory, stopped).keys() == {"docker", "TLS"}
