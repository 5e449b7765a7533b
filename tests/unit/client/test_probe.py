from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from voicechat.client.errors import ClientError, RefusedError
from voicechat.client.microphone import ScriptedMicrophone
from voicechat.client.playout import PlayoutBuffer
from voicechat.client.probe import Outcome, Probe, ProbeOptions, judge, share_heard
from voicechat.client.probe_metrics import ProbeMetrics
from voicechat.client.report import CallReport
from voicechat.client.turns import Turn, TurnLog

QUESTION = "What is the capital of France?"


class Report(CallReport):
    """A call in which this was said, answered and heard."""

    def __init__(self, user: str, assistant: str, first_audio_ms: float | None, *errors: str) -> None:
        log = TurnLog()
        log.turns = [Turn("i1", user, assistant=assistant)] if user or assistant else []
        log.errors = list(errors)
        super().__init__(log, ScriptedMicrophone(0.0), PlayoutBuffer())
        self._first = first_audio_ms

    def turn(self, turn: Turn) -> dict[str, Any]:
        latency = {} if self._first is None else {"first_audio": self._first}
        return {"user": turn.user, "assistant": turn.assistant, "latency_ms": latency}


def test_a_question_that_was_understood_and_answered_aloud_is_well() -> None:
    result = judge(Report("What is the capital of france.", "Paris.", 812.0), QUESTION, 4.0)
    assert (result.outcome, result.detail, result.first_audio_s, result.heard) == (Outcome.OK, "Paris.", 0.812, 1.0)


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        (Report("", "", None), Outcome.MISHEARD),
        (Report("Thank you.", "You are welcome.", 800.0), Outcome.MISHEARD),
        (Report(QUESTION, "", None), Outcome.UNANSWERED),
        (Report(QUESTION, "Par", 800.0, "the language model did not answer"), Outcome.UNANSWERED),
        (Report(QUESTION, "Paris.", None), Outcome.SILENT),
    ],
)
def test_the_first_fault_that_a_caller_meets_is_told(report: Report, outcome: Outcome) -> None:
    assert judge(report, QUESTION, 4.0).outcome is outcome


def test_words_count_in_their_order() -> None:
    assert share_heard("one two three four", "One, two; four!") == 0.75
    assert share_heard("one two", "two one") == 0.5
    assert share_heard("one", "") == 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ClientError("no server answers"), Outcome.UNREACHABLE),
        (RefusedError("server_full", "8 conversations are held already"), Outcome.REFUSED),
    ],
)
async def test_a_server_that_cannot_be_talked_to_is_an_outcome(
    monkeypatch: pytest.MonkeyPatch, error: ClientError, outcome: Outcome
) -> None:
    async def speech_of(*_: object) -> None:
        raise error

    monkeypatch.setattr("voicechat.client.probe.speech_of", speech_of)
    result = await Probe(ProbeOptions("http://127.0.0.1:1")).call()
    assert (result.outcome, result.detail) == (outcome, str(error))


def test_every_call_is_counted_and_the_last_is_shown() -> None:
    metrics = ProbeMetrics(CollectorRegistry(), lambda: 1_700_000_000.0)
    metrics.note(judge(Report(QUESTION, "Paris.", 812.0), QUESTION, 4.0))
    metrics.note(judge(Report("", "", None), QUESTION, 31.0))
    shown = metrics.registry.get_sample_value
    assert shown("voicechat_probe_calls_total", {"outcome": "ok"}) == 1
    assert shown("voicechat_probe_calls_total", {"outcome": "misheard"}) == 1
    assert shown("voicechat_probe_calls_total", {"outcome": "silent"}) == 0
    assert shown("voicechat_probe_success") == 0
    assert shown("voicechat_probe_heard_ratio") == 0
    assert shown("voicechat_probe_call_seconds") == 31
    assert shown("voicechat_probe_last_call_timestamp_seconds") == 1_700_000_000
    assert shown("voicechat_probe_first_audio_seconds_sum") == 0.812
