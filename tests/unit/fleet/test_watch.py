from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from voicechat.fleet.metrics import FleetMetrics
from voicechat.fleet.port import AudioChunk, SegmentStarted, SpeechDone, SpeechEvent, VoiceError

SEGMENT = SegmentStarted(0, "Hello.", 0, 6)
AUDIO = AudioChunk(np.zeros(480, np.int16), 0)
Step = float | str | SpeechEvent | VoiceError


class Clock:
    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


class Counted:
    """What is counted of one reply: seconds pass, text is sent, events come, and it may fail."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.registry, clock = CollectorRegistry(), Clock()
        try:
            with FleetMetrics(self.registry, ["joe"], clock).reply("joe") as watch:
                for step in steps:
                    if isinstance(step, float):
                        clock.now_s += step
                    elif isinstance(step, str):
                        watch.texted()
                    elif isinstance(step, VoiceError):
                        raise step
                    else:
                        watch.note(step)
        except VoiceError:
            pass

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    @property
    def judged(self) -> tuple[float | None, float | None]:
        """Violations, and the share that was kept."""
        return self("sla_violations_total", objective="synthesis"), self("sla_compliance_percent")


def test_latency_runs_from_the_first_segment_and_first_audio_from_the_first_text() -> None:
    counted = Counted(["Hel", 0.4, "lo.", 0.1, SEGMENT, 0.2, AUDIO, 1.0, AUDIO])
    assert counted("synthesis_latency_seconds_sum", model="joe") == pytest.approx(0.2)
    assert counted("voicechat_time_to_first_audio_seconds_sum", model="joe") == pytest.approx(0.7)
    assert counted("voicechat_time_to_first_audio_seconds_count", model="joe") == 1
    assert counted.judged == (0, 100)


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"])
def test_a_reply_that_was_late_and_then_failed_is_one_violation(code: str) -> None:
    counted = Counted([SEGMENT, 0.5, AUDIO, VoiceError(code, "")])
    assert counted.judged == (1, 0)
    assert counted("synthesis_errors_total", model="joe", reason=code.lower()) == 1


def test_a_refusal_for_want_of_room_is_a_violation() -> None:
    assert Counted([VoiceError("RESOURCE_EXHAUSTED", "busy")]).judged == (1, 0)


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"])
def test_what_nobody_could_have_spoken_breaks_no_promise(code: str) -> None:
    counted = Counted([VoiceError(code, "")])
    violations, compliance = counted.judged
    assert violations == 0
    assert compliance != compliance, "NaN: there was nothing to judge"
    assert counted("synthesis_errors_total", model="joe", reason=code.lower()) == 1


def test_who_gives_up_before_the_audio_was_due_judges_nothing_and_later_it_was_late() -> None:
    assert Counted([SEGMENT, 0.2]).judged[0] == 0
    assert Counted([SEGMENT, 0.4]).judged == (1, 0)


def test_the_realtime_factor_is_that_of_whole_replies() -> None:
    done = SpeechDone(2000.0, 300.0, stopped=False)
    assert Counted([SEGMENT, AUDIO, done])("voicechat_realtime_factor_sum", model="joe") == pytest.approx(0.15)
    cut = SpeechDone(2000.0, 300.0, stopped=True)
    assert Counted([SEGMENT, AUDIO, cut])("voicechat_realtime_factor_count", model="joe") == 0


def test_every_reason_is_shown_before_there_is_one() -> None:
    counted = Counted([])
    assert counted("synthesis_errors_total", model="joe", reason="unavailable") == 0
    assert counted("voicechat_worker_failovers_total", reason="unavailable") == 0
    assert counted("worker_errors_total", reason="busy") == 0
