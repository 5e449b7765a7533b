from __future__ import annotations

import asyncio
import pstats
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from voicechat.settings import ProfilingSettings
from voicechat.tts.profiles import ReplyProfile
from voicechat.tts.scheduler import Pace

T = TypeVar("T")


def at_once(run: Callable[[], T], pace: Pace, deadline_s: float) -> asyncio.Future[T]:
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    done.set_result(run())
    return done


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def work() -> int:
    return sum(number * number for number in range(100))


async def profiled(settings: ProfilingSettings, request_id: str, synthesis_s: float = 0.5) -> None:
    profile = ReplyProfile(settings, request_id)
    assert await profile.submit(at_once)(work, Pace.REALTIME, 0.0) == 328350
    await profile.save(synthesis_s)


def settings(directory: Path, **values: Any) -> ProfilingSettings:
    return ProfilingSettings(enabled=True, directory=directory, **values)


async def test_a_profile_tells_which_functions_took_the_time(tmp_path: Path) -> None:
    await profiled(settings(tmp_path / "profiles"), "resp_1/../etc")
    (path,) = (tmp_path / "profiles").iterdir()
    assert path.name.startswith("synthesis_")
    assert path.name.endswith("_500ms_resp-1----etc.pstats")
    functions: Any = pstats.Stats(str(path))
    assert any(name == "work" for _, _, name in functions.stats)


async def test_a_short_reply_is_not_kept(tmp_path: Path) -> None:
    await profiled(settings(tmp_path, min_duration_ms=600), "resp")
    assert files(tmp_path) == []


async def test_only_the_newest_are_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for number in range(4):
        await profiled(settings(tmp_path, keep=2), f"reply{number}")
    kept = [name for name in files(tmp_path) if name != "notes.txt"]
    assert [name.rpartition("_")[2] for name in kept] == ["reply2.pstats", "reply3.pstats"]
    assert (tmp_path / "notes.txt").exists()


async def test_a_directory_that_cannot_be_written_costs_no_reply(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    await profiled(settings(tmp_path / "file" / "below"), "resp")
