from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit import rtc
from livekit.agents.voice import io
from support.conversation import in_virtual_time
from support.virtual_time import VirtualLoop

from voicechat.audio.pcm import Pcm16
from voicechat.conversation.clock import LoopClock
from voicechat.conversation.lead import AdaptiveLead
from voicechat.conversation.playout import RAMP_SAMPLES, RATE_HZ, Playout, Track


class Recording:
    """A track that notes what it is told."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.holds: list[bool] = []

    def heard_text(self, position_ms: float) -> str:
        return f"heard {position_ms:.0f}"

    def played(self, samples: int) -> None:
        self.positions.append(samples)

    def hold(self, held: bool) -> None:
        self.holds.append(held)


@dataclass
class Listening:
    """A sink that keeps everything."""

    frames: list[tuple[float, Pcm16, int]] = field(default_factory=list)
    cuts: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    ducks: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    dry: int = 0

    def audio(self, track: Track, pcm: Pcm16, offset_samples: int) -> None:
        self.frames.append((asyncio.get_running_loop().time(), pcm, offset_samples))

    def cleared(self, track: Track, heard_ms: float) -> None:
        self.cuts.append(heard_ms)

    def tick(self, late_s: float) -> None:
        self.late.append(late_s)

    def underrun(self, track: Track) -> None:
        self.dry += 1

    def ducked(self, after_s: float) -> None:
        self.ducks.append(after_s)

    def silenced(self, after_s: float) -> None:
        self.stops.append(after_s)

    @property
    def sent(self) -> int:
        return sum(pcm.size for _, pcm, _ in self.frames)


class Stage:
    """A running playout, its listener and what the engine is told."""

    def __init__(self, least_ms: float = 40, most_ms: float = 400) -> None:
        self.track = Recording()
        self.sink = Listening()
        self.lead = AdaptiveLead(least_ms, most_ms)
        self.playout = Playout(self.sink, lambda: self.track, LoopClock(), self.lead, duck_db=6.0, duck_deep_db=18.0)
        self.started: list[io.PlaybackStartedEvent] = []
        self.finished: list[io.PlaybackFinishedEvent] = []
        self.playout.on("playback_started", self.started.append)
        self.playout.on("playback_finished", self.finished.append)
        self.clock = asyncio.ensure_future(self.playout.run())

    async def give(self, samples: int, level: int = 8000) -> None:
        pcm = np.full(samples, level, np.int16)
        await self.playout.capture_frame(
            rtc.AudioFrame(data=pcm.tobytes(), sample_rate=RATE_HZ, num_channels=1, samples_per_channel=samples)
        )

    async def give_seconds(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            await self.give(RATE_HZ // 10)

    async def aclose(self) -> None:
        self.clock.cancel()
        await asyncio.gather(self.clock, return_exceptions=True)


def staged(monkeypatch: pytest.MonkeyPatch, scene: Any, **options: float) -> Stage:
    async def main() -> Stage:
        stage = Stage(**options)
        try:
            await scene(stage)
        finally:
            await stage.aclose()
        return stage

    work: Coroutine[Any, Any, Stage] = main()
    return in_virtual_time(monkeypatch, work)


def test_everything_is_sent_in_order_and_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(1.0)
        await stage.give(100)
        stage.playout.flush()
        await stage.playout.wait_for_playout()

    stage = staged(monkeypatch, scene)

    assert stage.sink.sent == 24_100
    assert [offset for _, _, offset in stage.sink.frames] == [480 * index for index in range(51)]
    assert len(stage.started) == len(stage.finished) == 1
    assert not stage.finished[0].interrupted
    assert stage.finished[0].playback_position == pytest.approx(24_100 / RATE_HZ)


def test_thirty_seconds_take_thirty_seconds_with_a_lead_of_forty_ms(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(30.0)
        stage.playout.flush()
        await stage.playout.wait_for_playout()

    stage = staged(monkeypatch, scene)

    began = stage.sink.frames[0][0]
    ahead = [(offset + pcm.size) / RATE_HZ - (at - began) for at, pcm, offset in stage.sink.frames]
    assert max(ahead) == pytest.approx(0.04)
    assert min(ahead[1:]) == pytest.approx(0.04)
    assert stage.sink.dry == 0
    assert max(stage.sink.late) < 0.001


def test_a_stall_is_not_made_up_by_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(2.0)
        await asyncio.sleep(0.5)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.stall(0.5)
        stage.playout.flush()
        await stage.playout.wait_for_playout()

    stage = staged(monkeypatch, scene)

    times = [at for at, _, _ in stage.sink.frames]
    assert max(times.count(at) for at in times) <= 2
    assert stage.sink.sent == 48_000
    assert times[-1] - times[0] == pytest.approx(2.44, abs=0.03)
    assert max(stage.sink.late) == pytest.approx(0.48, abs=0.02)


def test_a_voice_that_is_late_makes_the_listener_wait_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(0.5)
        await asyncio.sleep(2.0)
        await stage.give_seconds(0.5)
        stage.playout.flush()
        await stage.playout.wait_for_playout()

    stage = staged(monkeypatch, scene)

    assert stage.sink.dry == 1
    assert stage.sink.sent == 24_000


def test_clearing_tells_what_was_heard_and_sends_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(2.0)
        await asyncio.sleep(1.0)
        stage.playout.clear_buffer()
        stage.playout.flush()
        stage.playout.clear_buffer()
        await asyncio.sleep(1.0)

    stage = staged(monkeypatch, scene)

    assert stage.sink.cuts == [pytest.approx(1000, abs=21)]
    assert stage.finished[0].interrupted
    assert stage.finished[0].synchronized_transcript == f"heard {stage.sink.cuts[0]:.0f}"
    assert len(stage.finished) == 1
    assert stage.sink.sent / RATE_HZ * 1000 - stage.sink.cuts[0] <= 60


def test_what_comes_after_clearing_is_a_segment_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(1.0)
        await asyncio.sleep(0.5)
        stage.playout.clear_buffer()
        await stage.give_seconds(0.2)
        stage.playout.flush()
        await stage.playout.wait_for_playout()

    stage = staged(monkeypatch, scene)

    assert [event.interrupted for event in stage.finished] == [True, False]
    assert stage.playout.captured_playout_segments == 2


def test_clearing_before_any_audio_was_sent_ends_the_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        stage.playout.pause()
        await stage.give_seconds(0.1)
        stage.playout.clear_buffer()
        assert (await stage.playout.wait_for_playout()).playback_position == 0

    stage = staged(monkeypatch, scene)

    assert len(stage.finished) == 1
    assert not stage.started
    assert stage.sink.cuts == []


def test_a_pause_loses_and_repeats_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(2.0)
        await asyncio.sleep(0.5)
        stage.playout.pause()
        await asyncio.sleep(3.0)
        stage.playout.resume()
        stage.playout.flush()
        await stage.playout.wait_for_playout()

    stage = staged(monkeypatch, scene)

    assert [offset for _, _, offset in stage.sink.frames] == [480 * index for index in range(100)]
    times = [at for at, _, _ in stage.sink.frames]
    gap = max(later - earlier for earlier, later in pairwise(times))
    assert gap == pytest.approx(3.0, abs=0.03)
    assert stage.track.holds == [True, False]


def test_a_pause_is_silent_within_a_tick_and_without_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(2.0)
        await asyncio.sleep(0.51)
        stage.playout.pause()
        stage.paused_at = asyncio.get_running_loop().time()  # type: ignore[attr-defined]
        await asyncio.sleep(1.0)
        stage.playout.resume()
        await asyncio.sleep(0.1)

    stage = staged(monkeypatch, scene)

    paused_at = stage.paused_at  # type: ignore[attr-defined]
    last = [frame for frame in stage.sink.frames if paused_at <= frame[0] < paused_at + 0.9]
    assert len(last) == 1
    assert last[0][0] - paused_at <= 0.02
    assert last[0][1][-1] == 0
    everything = np.concatenate([pcm for _, pcm, _ in stage.sink.frames]).astype(np.int32)
    assert np.abs(np.diff(everything)).max() <= 8000 / RAMP_SAMPLES + 2


def test_ducking_reaches_its_level_within_a_frame_and_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(2.0)
        for depth in (1, 2, 0):
            await asyncio.sleep(0.2)
            stage.playout.duck(depth)
        await asyncio.sleep(0.2)

    stage = staged(monkeypatch, scene)

    ends = [int(pcm[-1]) for _, pcm, _ in stage.sink.frames]
    assert sorted(set(ends)) == [round(8000 * 10 ** (-18 / 20)), round(8000 * 10 ** (-6 / 20)), 8000]


def test_how_soon_a_reply_yields_is_told_once_for_each_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(2.0)
        await asyncio.sleep(0.505)
        stage.playout.duck(1)
        await asyncio.sleep(0.1)
        stage.playout.duck(2)
        stage.playout.speech_lasts()
        await asyncio.sleep(0.03)
        stage.playout.speech_lasts()
        stage.playout.pause()
        await asyncio.sleep(0.5)
        stage.playout.speech_lasts()
        stage.playout.resume()

    stage = staged(monkeypatch, scene)

    assert stage.sink.ducks == [pytest.approx(0.015)]
    assert stage.sink.stops == [pytest.approx(0.03)]


def test_a_decision_that_was_taken_back_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        stage.playout.speech_lasts()
        await stage.give_seconds(2.0)
        await asyncio.sleep(0.5)
        stage.playout.duck(1)
        stage.playout.speech_lasts()
        stage.playout.duck(0)
        await asyncio.sleep(0.5)
        stage.playout.pause()

    stage = staged(monkeypatch, scene)

    assert stage.sink.ducks == stage.sink.stops == []


def test_the_voice_is_told_of_the_position_every_hundred_ms(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(2.0)
        await asyncio.sleep(1.02)

    stage = staged(monkeypatch, scene)

    assert len(stage.track.positions) == 10
    assert set(np.diff(stage.track.positions)) == {2400}


def test_a_full_buffer_makes_the_voice_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        giver = asyncio.ensure_future(stage.give_seconds(10.0))
        await asyncio.sleep(1.0)
        assert not giver.done()
        stage.playout.clear_buffer()
        giver.cancel()
        await asyncio.gather(giver, return_exceptions=True)

    assert len(staged(monkeypatch, scene).finished) == 1


def test_the_lead_grows_by_the_gaps_of_a_client_and_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(3.0)
        gap_ms = 0
        for step in range(1, 20):
            await asyncio.sleep(0.1)
            gap_ms += 100 if step == 10 else 0
            stage.playout.report(stage.track, max(0, step * 100 - 50 - gap_ms))

    stage = staged(monkeypatch, scene)

    assert stage.lead.ms == pytest.approx(140, abs=21)
    for _ in range(20):
        stage.lead.report(50)
        stage.lead.reply_ended()
    assert stage.lead.ms == 40


def test_a_report_that_is_late_itself_is_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give_seconds(3.0)
        for step in range(1, 20):
            await asyncio.sleep(0.1)
            stage.playout.report(stage.track, max(0, step * 100 - 50 - (60 if step % 3 == 0 else 0)))

    assert staged(monkeypatch, scene).lead.ms == 40


def test_a_segment_waits_for_the_end_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        await stage.give(4800)
        stage.playout.flush()
        await stage.give(4800)
        stage.playout.flush()
        await stage.playout.wait_for_playout()

    stage = staged(monkeypatch, scene)

    assert [event.playback_position for event in stage.finished] == [pytest.approx(0.2), pytest.approx(0.2)]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("give"), st.integers(1, 5000)),
        st.tuples(st.just("sleep"), st.integers(1, 300)),
        st.tuples(st.just("report"), st.integers(0, 5000)),
        st.tuples(st.just("duck"), st.integers(0, 2)),
        st.tuples(st.sampled_from(["pause", "resume", "flush", "clear"]), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=30, deadline=None)
@given(actions=ACTIONS)
def test_whatever_happens_positions_are_exact_and_every_segment_ends_once(actions: list[tuple[str, int]]) -> None:
    async def scene(stage: Stage) -> None:
        given_samples = 0
        gives: set[asyncio.Future[None]] = set()
        for name, value in actions:
            if name == "give":
                given_samples += value
                gives.add(asyncio.ensure_future(stage.give(value)))
                await asyncio.wait(gives, timeout=30)
            elif name == "sleep":
                await asyncio.sleep(value / 1000)
            elif name == "report":
                stage.playout.report(stage.track, value)
            elif name == "duck":
                stage.playout.duck(value)
            else:
                {
                    "pause": stage.playout.pause,
                    "resume": stage.playout.resume,
                    "flush": stage.playout.flush,
                    "clear": stage.playout.clear_buffer,
                }[name]()
            position = stage.playout.position_ms(stage.track)
            assert position is None or 0 <= position <= stage.sink.sent / RATE_HZ * 1000 + 1e-6
        assert stage.sink.sent <= given_samples
        stage.playout.resume()
        while gives:
            stage.playout.flush()
            _, gives = await asyncio.wait(gives, timeout=1)
        stage.playout.flush()
        await asyncio.wait_for(stage.playout.wait_for_playout(), 60)
        assert len(stage.finished) == stage.playout.captured_playout_segments
        assert len(stage.started) <= len(stage.finished)
        heard = sum(event.playback_position for event in stage.finished)
        assert heard <= stage.sink.sent / RATE_HZ + 1e-6
        if not any(event.interrupted for event in stage.finished):
            assert stage.sink.sent == given_samples

    with pytest.MonkeyPatch.context() as monkeypatch:
        staged(monkeypatch, scene)
