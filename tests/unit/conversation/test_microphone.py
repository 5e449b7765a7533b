from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.conversation import in_virtual_time, silence, speech

from voicechat.audio.pcm import Pcm16
from voicechat.conversation.clock import LoopClock
from voicechat.conversation.microphone import Microphone


class Take:
    """A microphone and what comes out of it."""

    def __init__(self) -> None:
        self.microphone = Microphone(LoopClock(), 200)
        self.frames: list[tuple[float, Pcm16]] = []
        self.task = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        async for frame in self.microphone:
            self.frames.append((asyncio.get_running_loop().time(), np.frombuffer(frame.data, dtype=np.int16)))

    @property
    def seconds(self) -> float:
        return len(self.frames) * 0.02

    @property
    def pcm(self) -> Pcm16:
        return np.concatenate([pcm for _, pcm in self.frames])


def taken(monkeypatch: pytest.MonkeyPatch, scene: Callable[[Take], Awaitable[None]]) -> Take:
    async def main() -> Take:
        take = Take()
        await scene(take)
        take.microphone.close()
        await take.task
        return take

    return in_virtual_time(monkeypatch, main())


@pytest.mark.parametrize("chunk_ms", [5, 20, 50, 100])
def test_speech_passes_whole_in_chunks_of_any_size(monkeypatch: pytest.MonkeyPatch, chunk_ms: int) -> None:
    said = speech(2.0)

    async def scene(take: Take) -> None:
        step = chunk_ms * 16
        for begin in range(0, said.size, step):
            take.microphone.push(said[begin : begin + step])
            await asyncio.sleep(chunk_ms / 1000)

    take = taken(monkeypatch, scene)

    assert np.array_equal(take.pcm[: said.size], said[: take.pcm.size])
    assert take.seconds == pytest.approx(2.0, abs=0.05)


def test_silence_flows_when_a_client_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(take: Take) -> None:
        await asyncio.sleep(10.0)

    take = taken(monkeypatch, scene)

    assert take.seconds == pytest.approx(10.0, abs=0.1)
    assert not take.pcm.any()


def test_what_comes_ahead_of_time_waits_and_its_silence_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    said = np.concatenate([speech(1.0), silence(1.0), speech(1.0)])

    async def scene(take: Take) -> None:
        await asyncio.sleep(0)
        take.microphone.push(said)
        await asyncio.sleep(0.5)
        assert take.seconds <= 0.75
        await asyncio.sleep(2.5)

    take = taken(monkeypatch, scene)

    loud = [pcm for _, pcm in take.frames if pcm.any()]
    assert len(loud) == 100
    assert take.microphone.dropped_frames == 50


def test_delay_does_not_stay_after_the_network_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(take: Take) -> None:
        for _ in range(50):
            take.microphone.push(silence(0.02))
            await asyncio.sleep(0.02)
        await asyncio.sleep(1.0)
        take.microphone.push(silence(1.0))
        take.microphone.push(speech(0.02))
        await asyncio.sleep(0.25)

    take = taken(monkeypatch, scene)

    assert any(pcm.any() for _, pcm in take.frames)


def test_a_muted_microphone_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(take: Take) -> None:
        take.microphone.mute(True)
        take.microphone.push(speech(0.5))
        await asyncio.sleep(1.0)
        assert take.seconds == 0
        take.microphone.mute(False)
        await asyncio.sleep(1.0)

    assert taken(monkeypatch, scene).seconds == pytest.approx(1.0, abs=0.25)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 400)), max_size=30))
def test_time_in_is_time_out_within_the_jitter_allowance(pushes: list[tuple[int, int]]) -> None:
    async def scene(take: Take) -> None:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(0)
        for samples, pause_ms in pushes:
            take.microphone.push(speech(samples / 16_000))
            await asyncio.sleep(pause_ms / 1000)
            elapsed_s = asyncio.get_running_loop().time() - began
            assert take.seconds <= elapsed_s + 0.22 + 0.02

    with pytest.MonkeyPatch.context() as monkeypatch:
        taken(monkeypatch, scene)
