from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import grpc
import pytest
from support.virtual_time import run

from voicechat.tts.refusal import Refusal
from voicechat.tts.residency import EvictionReason, Residency, ResidencyPolicy

LOAD_S = 2.0


class House:
    """A residency of strings, and what happened in it."""

    def __init__(self, **policy: float) -> None:
        bounds = {"cap": 2, "ttl_s": 60, "min_residency_s": 0, "parallel_loads": 1, "load_timeout_s": 30} | policy
        self.loads: list[str] = []
        self.evictions: list[tuple[str, EvictionReason]] = []
        clock = asyncio.get_running_loop().time
        self.residency = Residency(self._load, ResidencyPolicy(**bounds), self, clock)  # type: ignore[arg-type]

    async def _load(self, model_id: str) -> str:
        self.loads.append(model_id)
        await asyncio.sleep(LOAD_S)
        return model_id.upper()

    def loaded(self, model_id: str, took_s: float) -> None:
        assert took_s == pytest.approx(LOAD_S)

    def evicted(self, model_id: str, reason: EvictionReason) -> None:
        self.evictions.append((model_id, reason))

    async def use(self, model_id: str, seconds: float = 0) -> str:
        async with self.residency.hold(model_id) as model:
            await asyncio.sleep(seconds)
            return model


def scene(main: Coroutine[Any, Any, None]) -> None:
    run(main)


def test_a_model_is_loaded_once_however_many_ask() -> None:
    async def main() -> None:
        house = House()
        assert await asyncio.gather(*(house.use("a") for _ in range(5))) == ["A"] * 5
        assert house.loads == ["a"]

    scene(main())


def test_one_that_gives_up_takes_the_load_from_nobody() -> None:
    async def main() -> None:
        house = House()
        first, second = [asyncio.ensure_future(house.use("a")) for _ in range(2)]
        await asyncio.sleep(1)
        first.cancel()
        assert await second == "A"
        assert house.loads == ["a"]

    scene(main())


def test_the_least_recently_used_idle_model_makes_room() -> None:
    async def main() -> None:
        house = House()
        for model in ("a", "b", "a", "c"):
            await house.use(model, 1)
        assert house.evictions == [("b", EvictionReason.ROOM)]
        assert set(house.residency.residents) == {"a", "c"}

    scene(main())


def test_a_model_in_use_never_leaves_and_the_load_waits_for_it() -> None:
    async def main() -> None:
        house = House(cap=1)
        busy = asyncio.ensure_future(house.use("a", 10))
        await asyncio.sleep(LOAD_S + 1)
        await house.use("b")
        assert busy.done()
        assert asyncio.get_running_loop().time() == LOAD_S + 10 + LOAD_S

    scene(main())


def test_a_wait_for_room_ends_in_a_clear_refusal() -> None:
    async def main() -> None:
        house = House(cap=1, load_timeout_s=5)
        busy = asyncio.ensure_future(house.use("a", 100))
        await asyncio.sleep(LOAD_S + 1)
        with pytest.raises(Refusal, match="resident_cap") as refused:
            await house.use("b")
        assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        busy.cancel()

    scene(main())


def test_a_fresh_model_stays_its_time_even_when_another_wants_its_place() -> None:
    async def main() -> None:
        house = House(cap=1, min_residency_s=10)
        await house.use("a")
        await house.use("b")
        assert asyncio.get_running_loop().time() == LOAD_S + 10 + LOAD_S

    scene(main())


def test_idle_models_leave_after_their_time_and_used_ones_do_not() -> None:
    async def main() -> None:
        house = House(ttl_s=60)
        await house.use("a")
        busy = asyncio.ensure_future(house.use("b", 1000))
        await asyncio.sleep(100)
        await house.residency.sweep()
        assert house.evictions == [("a", EvictionReason.IDLE)]
        busy.cancel()

    scene(main())


def test_loads_in_parallel_are_bounded() -> None:
    async def main() -> None:
        house = House(cap=4, parallel_loads=2)
        await asyncio.gather(*(house.use(model) for model in "abcd"))
        assert asyncio.get_running_loop().time() == 2 * LOAD_S

    scene(main())


def test_a_reload_leaves_those_who_speak_with_what_they_had() -> None:
    async def main() -> None:
        house = House()
        speaking = asyncio.ensure_future(house.use("a", 100))
        await asyncio.sleep(LOAD_S + 1)
        await house.residency.reload("a")
        assert house.loads == ["a", "a"]
        assert await speaking == "A"
        assert house.evictions == [("a", EvictionReason.RELOADED)]

    scene(main())


def test_an_idle_model_can_be_asked_to_leave_and_a_used_one_not() -> None:
    async def main() -> None:
        house = House()
        async with house.residency.hold("a"):
            with pytest.raises(Refusal) as refused:
                await house.residency.unload("a")
        assert refused.value.code is grpc.StatusCode.FAILED_PRECONDITION
        await house.residency.unload("a")
        assert house.residency.residents == {}

    scene(main())


def test_a_failed_load_is_told_and_tried_again_by_the_next() -> None:
    async def main() -> None:
        house = House(cap=1)
        good, house.residency._load_model = house.residency._load_model, _broken
        with pytest.raises(OSError, match="disk"):
            await house.use("a")
        house.residency._load_model = good
        assert await house.use("a") == "A"

    scene(main())


async def _broken(model_id: str) -> str:
    raise OSError("disk")


def test_a_model_asked_for_while_it_leaves_is_loaded_again() -> None:
    async def main() -> None:
        house = House(cap=1)
        await house.use("a")
        assert list(await asyncio.gather(house.use("b"), house.use("a", 1))) == ["B", "A"]
        assert len(house.residency.residents) == 1

    scene(main())


def test_two_models_asked_for_at_once_share_one_place_one_after_the_other() -> None:
    async def main() -> None:
        house = House(cap=1, parallel_loads=2)
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, len(house.residency.residents))
                await asyncio.sleep(0.1)

        watching = asyncio.ensure_future(watch())
        assert list(await asyncio.gather(house.use("a", 5), house.use("b", 5))) == ["A", "B"]
        watching.cancel()
        assert most == 1

    scene(main())


def test_a_load_that_hangs_is_refused_in_time_and_frees_its_place() -> None:
    async def main() -> None:
        house = House(cap=1, load_timeout_s=5)
        good, house.residency._load_model = house.residency._load_model, _hanging
        with pytest.raises(Refusal, match="did not load within 5 s"):
            await house.use("a")
        house.residency._load_model = good
        assert await house.use("b") == "B"

    scene(main())


def test_a_reload_that_hangs_or_fails_leaves_the_old_model_in_place() -> None:
    async def main() -> None:
        house = House(load_timeout_s=5)
        await house.use("a")
        house.residency._load_model = _hanging
        with pytest.raises(Refusal, match="within 5 s"):
            await house.residency.reload("a")
        house.residency._load_model = _broken
        with pytest.raises(OSError, match="disk"):
            await house.residency.reload("a")
        assert await house.use("a") == "A"

    scene(main())


def test_reloads_at_once_are_one_after_the_other_and_end_with_one_model() -> None:
    async def main() -> None:
        house = House()
        await house.use("a")
        await asyncio.gather(house.residency.reload("a"), house.residency.reload("a"))
        assert house.residency.residents == {"a": "A"}
        assert asyncio.get_running_loop().time() == 3 * LOAD_S

    scene(main())


async def _hanging(model_id: str) -> str:
    await asyncio.sleep(1e9)
    return model_id
