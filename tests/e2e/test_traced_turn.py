"""What an operator sees of a running product: a trace of each turn, its name in the logs, profiles of the voice."""

from __future__ import annotations

import json
import pstats
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.otlp import Received, running_collector, tree
from support.speech import prompt
from support.stack import start_stack, talk

from voicechat.audio.wav import write_wav

CALLER_TRACE, CALLER_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
LATENCY = "voicechat.turn.latency_ms"
OK, CANCELLED = 0, 1
"""gRPC statuses; a caller hangs up when its recording has been answered."""
RPC = "voicechat.tts.v1.Synthesizer/Synthesize"


def named(spans: Sequence[Received], name: str, service: str = "") -> Received:
    found = [span for span in spans if span.name == name and service in span.service]
    assert len(found) == 1, (name, [span.name for span in spans])
    return found[0]


def speak_as_part_of_a_trace(url: str) -> None:
    request = urllib.request.Request(
        f"{url}/synthesize",
        json.dumps({"text": "It goes on here."}).encode(),
        {"content-type": "application/json", "traceparent": f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert len(answer.read()) > 10_000


def is_told_to_its_end(spans: Sequence[Received]) -> bool:
    answered = [span.trace_id for span in spans if LATENCY in span.attributes]
    return any(
        {"voicechat-orchestrator", "voicechat-worker"}
        <= {span.service for span in spans if span.trace_id == trace and span.name == RPC}
        for trace in answered
    )


@pytest.mark.timeout(300)
def test_a_turn_is_one_trace_whose_steps_add_up_to_its_latency(tmp_path: Path) -> None:
    pcm, rate = prompt("queue-youarenext")
    write_wav(tmp_path / "question.wav", pcm, rate)
    with running_collector() as collector:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "ENABLE_PROFILING": "true",
            "PROFILE_OUTPUT_DIR": str(tmp_path / "profiles"),
            "PROFILE_MIN_DURATION_MS": "1",
            "XDG_STATE_HOME": str(tmp_path),
        }
        limits = ("--set", "llm.temperature=0", "--set", "llm.max_output_tokens=32")
        stack = start_stack(tmp_path / "up.log", "--mind", "embedded", *limits, environment=environment)
        try:
            stack.wait_until_ready(150)
            talk(stack.realtime_url, tmp_path / "question.wav")
            collector.wait_for(is_told_to_its_end, 60)
            speak_as_part_of_a_trace(stack.url)
        finally:
            stack.stop()
    turn = [span for span in collector.spans if LATENCY in span.attributes][-1]
    print(tree(collector.spans, turn.trace_id))
    spans = [span for span in collector.spans if span.trace_id == turn.trace_id]
    the_steps_add_up(turn, spans)
    the_worker_goes_on_where_the_orchestrator_called_it(spans)
    a_callers_trace_goes_on([span for span in collector.spans if span.trace_id == CALLER_TRACE])
    profiles_can_be_read(tmp_path / "profiles")
    (log,) = tmp_path.glob("voicechat/up-*.log")
    both_processes_name_it_in_their_logs(turn, log.read_text())


def the_steps_add_up(turn: Received, spans: Sequence[Received]) -> None:
    mind = next(span for span in spans if span.name.startswith("chat "))
    voice, playout = named(spans, "voice"), named(spans, "playout")
    sent_ms = playout.events["first audio sent"]
    ways = [turn.begin_ms, mind.begin_ms, voice.begin_ms, playout.begin_ms, sent_ms]
    assert ways == sorted(ways)
    steps = [end - begin for begin, end in zip(ways, ways[1:], strict=False)]
    assert sum(steps) == pytest.approx(turn.attributes[LATENCY], abs=1.0)
    assert all(turn.begin_ms <= span.begin_ms <= span.end_ms for span in spans)
    assert mind.attributes["gen_ai.operation.name"] == "chat"
    assert mind.attributes["gen_ai.usage.output_tokens"] > 0


def the_worker_goes_on_where_the_orchestrator_called_it(spans: Sequence[Received]) -> None:
    call, answer = named(spans, RPC, "orchestrator"), named(spans, RPC, "worker")
    assert call.parent_id == named(spans, "voice").span_id
    assert answer.parent_id == call.span_id
    assert answer.attributes["rpc.grpc.status_code"] in (OK, CANCELLED)
    segments = {span.span_id for span in spans if span.name == "segment"}
    chunks = [span for span in spans if span.name == "chunk"]
    assert segments
    assert {chunk.parent_id for chunk in chunks} <= segments | {answer.span_id}
    assert all("voicechat.scheduler.wait_ms" in chunk.attributes for chunk in chunks)


def a_callers_trace_goes_on(spans: Sequence[Received]) -> None:
    request = named(spans, "POST /synthesize")
    assert request.parent_id == CALLER_SPAN
    assert named(spans, RPC, "orchestrator").parent_id == request.span_id


def both_processes_name_it_in_their_logs(turn: Received, log: str) -> None:
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    told = [line for line in lines if line.get("turn") == turn.attributes["voicechat.turn.id"]]
    assert {line["service"] for line in told} == {"orchestrator", "worker"}
    assert {line["trace_id"] for line in told} == {turn.trace_id}
    assert {line["session"] for line in told if line["service"] == "orchestrator"} == {turn.attributes["session.id"]}
    over = next(line for line in told if line["service"] == "orchestrator" and line["event"] == "reply over")
    assert over["total_ms"] == pytest.approx(turn.attributes[LATENCY], abs=1.0)


def profiles_can_be_read(directory: Path) -> None:
    """At least one reply is profiled; of two at once only one is."""
    written = list(directory.glob("synthesis_*.pstats"))
    assert written
    for path in written:
        profile: Any = pstats.Stats(str(path))
        assert profile.total_calls > 0
