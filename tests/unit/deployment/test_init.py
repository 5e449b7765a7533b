from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dotenv import dotenv_values

from voicechat.deployment.host import Host, this_host
from voicechat.deployment.init import initialise, limits
from voicechat.deployment.layout import DeploymentError
from voicechat.deployment.secret_files import KNOWN, NAMES

ROOT = Path(__file__).parents[3]
SMALL = Host(cores=1, memory_mib=2000, address="203.0.113.7")
LARGE = Host(cores=64, memory_mib=256_000, address="203.0.113.7")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    shutil.copy(ROOT / ".env.example", tmp_path)
    return tmp_path


def test_it_writes_settings_that_compose_reads(directory: Path) -> None:
    done = list(initialise(directory, SMALL, "voice.example.com", None))
    values = dotenv_values(directory / ".env")
    assert done[0] == ".env.prod"
    assert values["DOMAIN"] == "voice.example.com"
    assert values["NODE_IP"] == "203.0.113.7"
    assert values["ORCHESTRATOR_CPUS"] == "1"
    assert str(values["LIVEKIT_API_KEY"]).startswith("voicechat-")


def test_it_keeps_every_explanation_of_the_template(directory: Path) -> None:
    list(initialise(directory, SMALL, "localhost", None))
    template, made = ((directory / name).read_text().splitlines() for name in (".env.example", ".env.prod"))
    assert [line for line in template if line.startswith("#")] == [line for line in made if line.startswith("#")]
    assert dotenv_values(directory / ".env.prod").keys() == dotenv_values(directory / ".env.example").keys()


def test_secrets_are_random_long_and_kept_from_others(directory: Path) -> None:
    list(initialise(directory, SMALL, "localhost", None))
    folder = directory / "secrets"
    assert {path.name for path in folder.iterdir()} == set(NAMES)
    values = [(folder / secret.name).read_text() for secret in KNOWN if secret.random_bytes]
    assert all(len(value) >= 32 for value in values)
    assert len(set(values)) == len(values)
    assert folder.stat().st_mode & 0o077 == 0
    assert (directory / ".env.prod").stat().st_mode & 0o077 == 0


def test_the_address_of_redis_holds_its_password(directory: Path) -> None:
    list(initialise(directory, SMALL, "localhost", None))
    password = (directory / "secrets" / "redis_password").read_text()
    assert (directory / "secrets" / "redis_url").read_text() == f"redis://:{password}@redis:6379/0"


def test_what_exists_stays(directory: Path) -> None:
    list(initialise(directory, SMALL, "voice.example.com", None))
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    assert list(initialise(directory, LARGE, "other.example.com", "198.51.100.1")) == []
    assert before == {path: path.read_bytes() for path in before}


def test_a_secret_that_somebody_wrote_into_the_settings_moves_into_its_file(directory: Path) -> None:
    list(initialise(directory, SMALL, "localhost", None))
    settings = directory / ".env.prod"
    settings.write_text(settings.read_text().replace("OPENAI_API_KEY=", "OPENAI_API_KEY=sk-1\\2"))
    assert list(initialise(directory, SMALL, "localhost", None)) == [
        "OPENAI_API_KEY of .env.prod is now in secrets/openai_api_key"
    ]
    assert (directory / "secrets" / "openai_api_key").read_text() == "sk-1\\2"
    assert dotenv_values(settings)["OPENAI_API_KEY"] == ""


def test_without_the_template_it_says_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"run this where docker-compose\.prod\.yml is"):
        list(initialise(tmp_path, SMALL, "localhost", None))


def test_limits_are_the_specified_ones_where_the_machine_has_them() -> None:
    assert limits(LARGE)["ORCHESTRATOR_CPUS"] == "4"
    assert limits(LARGE)["ORCHESTRATOR_MEMORY"] == "8192M"


def test_limits_leave_room_on_a_small_machine() -> None:
    assert limits(SMALL)["TTS_CPUS"] == "1"
    assert limits(SMALL)["ORCHESTRATOR_MEMORY"] == "1200M"


def test_this_machine_has_something_to_give() -> None:
    host = this_host()
    assert host.cores >= 1
    assert host.memory_mib > 0
    assert host.address.count(".") == 3
