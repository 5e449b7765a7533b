"""What is backed up comes back, and nothing is half done."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unit.deployment.fake_engine import FakeEngine

from voicechat.deployment.backup import METRICS, back_up, forget_old
from voicechat.deployment.host import Host
from voicechat.deployment.init import initialise
from voicechat.deployment.layout import DeploymentError
from voicechat.deployment.restore import restore

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
REDIS, MODELS = "full-duplex-voice-chat_redis-data", "full-duplex-voice-chat_models"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An installation."""
    made = tmp_path / "server"
    made.mkdir()
    for name in (".env.example", "docker-compose.prod.yml", "Caddyfile"):
        shutil.copy(ROOT / name, made)
    shutil.copytree(ROOT / "configs", made / "configs")
    list(initialise(made, Host(2, 4000, "203.0.113.7"), "localhost", None))
    return made


def _engine() -> FakeEngine:
    return FakeEngine({REDIS: b"keys", MODELS: b"large", METRICS: b"series"})


def test_a_backup_is_named_by_its_time_and_readable_by_its_owner_alone(directory: Path) -> None:
    archive = back_up(directory, _engine(), NOW, metrics=False)
    assert archive == directory / "backups" / "20260304T050607Z.tar.gz"
    assert archive.stat().st_mode & 0o077 == 0
    assert list(archive.parent.iterdir()) == [archive]


def test_everything_comes_back_on_another_machine(directory: Path, tmp_path: Path) -> None:
    archive = back_up(directory, _engine(), NOW, metrics=False)
    elsewhere, engine = tmp_path / "elsewhere", FakeEngine()
    elsewhere.mkdir()
    models = restore(archive, elsewhere, engine)
    shutil.rmtree(directory / "backups")
    files = {path.relative_to(directory): path for path in directory.rglob("*") if path.is_file()}
    assert {path: (elsewhere / path).read_bytes() for path in files} == {
        name: path.read_bytes() for name, path in files.items()
    }
    assert engine.volumes == {REDIS: b"keys"}
    assert engine.labels[REDIS]["com.docker.compose.volume"] == "redis-data"
    assert (elsewhere / "secrets").stat().st_mode & 0o077 == 0
    assert (elsewhere / ".env").resolve() == (elsewhere / ".env.prod").resolve()
    assert models == ["whisper-tiny.en", "piper-en-us-joe-medium"]


def test_a_restore_replaces_what_was_changed_since(directory: Path) -> None:
    archive = back_up(directory, _engine(), NOW, metrics=False)
    (directory / "Caddyfile").write_text("broken")
    engine = FakeEngine({REDIS: b"later"})
    restore(archive, directory, engine)
    assert (directory / "Caddyfile").read_text() == (ROOT / "Caddyfile").read_text()
    assert engine.volumes[REDIS] == b"keys"


@pytest.mark.parametrize(("metrics", "saved"), [(True, {REDIS, METRICS}), (False, {REDIS})])
def test_what_prometheus_recorded_is_saved_when_asked_for(directory: Path, metrics: bool, saved: set[str]) -> None:
    engine = FakeEngine()
    restore(back_up(directory, _engine(), NOW, metrics=metrics), directory, engine)
    assert set(engine.volumes) == saved


def test_a_volume_in_use_stops_the_restore_before_anything_is_changed(directory: Path) -> None:
    archive = back_up(directory, _engine(), NOW, metrics=False)
    (directory / "Caddyfile").write_text("mine")
    engine = FakeEngine({REDIS: b"later"}, users={REDIS: ["redis-tts-prod"]})
    with pytest.raises(DeploymentError, match="in use by redis-tts-prod: stop the containers first"):
        restore(archive, directory, engine)
    assert (directory / "Caddyfile").read_text() == "mine"
    assert engine.volumes[REDIS] == b"later"


@pytest.mark.parametrize("content", [b"not an archive", b""])
def test_what_is_no_backup_is_refused(directory: Path, content: bytes) -> None:
    wrong = directory / "wrong.tar.gz"
    wrong.write_bytes(content)
    with pytest.raises(DeploymentError, match="wrong"):
        restore(wrong, directory, FakeEngine())


def test_where_nothing_is_installed_nothing_is_saved(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"holds no \.env\.prod"):
        back_up(tmp_path, FakeEngine(), NOW, metrics=False)
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_fails_leaves_no_half_backup(directory: Path) -> None:
    class Broken(FakeEngine):
        def names_in(self, volume: str, image: str) -> list[str]:
            raise DeploymentError("the Docker Engine refuses")

    with pytest.raises(DeploymentError):
        back_up(directory, Broken({MODELS: b""}), NOW, metrics=False)
    assert list((directory / "backups").iterdir()) == []


def test_old_backups_are_forgotten(directory: Path) -> None:
    old, young = (back_up(directory, _engine(), NOW - timedelta(days=age), metrics=False) for age in (15, 13))
    for archive, age in ((old, 15), (young, 13)):
        at = (NOW - timedelta(days=age)).timestamp()
        os.utime(archive, (at, at))
    assert forget_old(directory, NOW, 14) == [old]
    assert young.exists()
