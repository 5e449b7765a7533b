from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.observability import traces
from voicechat.observability.traces import Span, TraceContext, parse_traceparent, trace_to

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Kept:
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def record(self, span: Span) -> None:
        self.spans.append(span)


def test_nothing_is_traced_unless_somebody_asks() -> None:
    assert traces.begin() is None
    traces.record(Span("lost", TraceContext(1, 1), None, 0.0, 1.0))


def test_what_is_begun_while_spans_are_kept_has_a_place() -> None:
    kept = Kept()
    with trace_to(kept):
        context = traces.begin()
        assert context is not None
        traces.record(Span("kept", context, None, 0.0, 1.0))
    assert [span.name for span in kept.spans] == ["kept"]
    assert traces.begin() is None


def test_of_a_ratio_of_nothing_only_what_a_caller_samples_is_traced() -> None:
    with trace_to(Kept(), ratio=0.0):
        assert traces.begin() is None
        below = traces.begin(parse_traceparent(HEADER))
    assert below is not None
    assert below.trace == "0af7651916cd43dd8448eb211c80319c"
    assert below.span_id != 0xB7AD6B7169203331


def test_a_caller_that_does_not_sample_is_obeyed() -> None:
    with trace_to(Kept()):
        assert traces.begin(parse_traceparent(HEADER[:-2] + "00")) is None


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1))
def test_a_header_is_read_as_it_was_written(trace_id: int, span_id: int) -> None:
    context = TraceContext(trace_id, span_id)
    read = parse_traceparent(context.header)
    assert read is not None
    assert read.context == context
    assert read.sampled


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        HEADER.replace("00-", "ff-", 1),
        HEADER + "-more",
        HEADER.upper(),
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
    ],
)
def test_a_header_that_breaks_the_rules_is_no_parent(header: str | None) -> None:
    assert parse_traceparent(header) is None


def test_a_later_version_may_say_more() -> None:
    assert parse_traceparent(HEADER.replace("00-", "01-", 1) + "-more") is not None


def test_without_an_endpoint_no_library_is_loaded() -> None:
    code = (
        "import sys; from voicechat.observability.traces import exported_traces;"
        "from voicechat.settings import TracingSettings\n"
        "with exported_traces(TracingSettings(), 'worker'): pass\n"
        "import voicechat.tts.service, voicechat.fleet.client\n"
        "assert not any(name.startswith('opentelemetry') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
