"""Nonsense for every entrance of the running product: it answers, and goes on as before.

A run of the tests tries a little of everything; `make fuzz` tries far more and keeps the counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support import fuzz
from support.stack import Stack
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from voicechat.asr.port import EARS_RATE_HZ
from voicechat.audio.encode import AudioFormat
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import SynthesizerStub
from voicechat.settings import Settings

ANSWER_WITHIN_S = 30.0
LONGEST_S = Settings().asr.max_recording_s
EARS_BYTES_PER_S = 2 * EARS_RATE_HZ
REFUSALS = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"}
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def counts() -> Iterator[fuzz.Counts]:
    made = fuzz.Counts()
    yield made
    made.write()


@pytest.fixture(autouse=True)
def as_before(stack: Stack) -> Iterator[None]:
    """After each test the product is well: no conversation, stream or descriptor is left, and nothing was a defect."""
    orchestrator = stack.child("voicechat.launch.alone")
    before, read = orchestrator.num_fds(), stack.log.stat().st_size
    yield
    until(lambda: sessions(stack) == 0, "a conversation is left")
    until(lambda: streams(stack) == 0, "a stream of the worker is left")
    until(lambda: orchestrator.num_fds() <= before + 10, "descriptors are left")
    assert httpx.get(f"{stack.ops_url}/health").json()["status"] == "healthy"
    log = stack.log.read_bytes()[read:].decode(errors="replace")
    assert "Traceback" not in log
    assert "request failed" not in log


def until(is_so: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + ANSWER_WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def sessions(stack: Stack) -> float:
    lines = httpx.get(f"{stack.ops_url}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("sessions_active"))


def worker_channel(stack: Stack) -> grpc.Channel:
    port = stack.child("voicechat.tts").environ()["VOICECHAT_WORKER__PORT"]
    return grpc.insecure_channel(f"127.0.0.1:{port}")


def streams(stack: Stack) -> int:
    with worker_channel(stack) as channel:
        status = SynthesizerStub(channel).GetStatus(pb.GetStatusRequest(), timeout=ANSWER_WITHIN_S)
        return int(status.active_streams)


def memory(stack: Stack) -> int:
    """Bytes that the orchestrator holds."""
    return int(stack.child("voicechat.launch.alone").memory_info().rss)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_requests_made_from_the_description(stack: Stack, counts: fuzz.Counts, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{stack.url}/openapi.json")
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and operation.method == "get":
            # A path is a name: nothing of it could be wrong.
            continue

        @fuzz.tries(4)
        @given(operation.as_strategy(generation_mode=mode))
        def answered(case: Case[Any]) -> None:
            answer = case.call(base_url=stack.url, timeout=ANSWER_WITHIN_S)
            counts.add(f"{case.method} {case.path} {mode.value}", answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        answered()


def test_texts_of_any_kind(stack: Stack, counts: fuzz.Counts) -> None:
    with httpx.Client(base_url=stack.url, timeout=ANSWER_WITHIN_S) as client:

        @fuzz.tries(8)
        @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.sampled_from(list(AudioFormat)))
        def spoken_or_refused(text: str, audio_format: AudioFormat) -> None:
            answer = client.post("/v1/audio/speech", json={"input": text, "response_format": audio_format})
            counts.add("texts", answer.status_code)
            assert answer.status_code == 200 or answer.json()["error"]["param"] == "input", answer.text
            assert answer.content

        spoken_or_refused()


def test_recordings_that_are_damaged(stack: Stack, counts: fuzz.Counts) -> None:
    with httpx.Client(base_url=stack.url, timeout=ANSWER_WITHIN_S) as client:

        @fuzz.tries(12)
        @given(fuzz.damaged(fuzz.recordings()))
        def heard_or_refused(data: bytes) -> None:
            answer = client.post("/v1/audio/transcriptions", files={"file": ("a", data)}, data={"model": "whisper-1"})
            counts.add("damaged recordings", answer.status_code)
            assert answer.status_code in (200, 400)
            assert answer.status_code == 200 or answer.json()["error"]["param"] == "file"

        heard_or_refused()


def test_headers_that_lie(stack: Stack, counts: fuzz.Counts) -> None:
    with httpx.Client(base_url=stack.url, timeout=ANSWER_WITHIN_S) as client:

        @fuzz.tries(12)
        @given(fuzz.HEADERS)
        def heard_or_refused(data: bytes) -> None:
            answer = client.post("/v1/audio/transcriptions", files={"file": ("a.wav", data)})
            counts.add("headers that lie", answer.status_code)
            assert answer.status_code == 200 or answer.json()["error"]["param"] == "file", answer.text

        heard_or_refused()


def test_bombs(stack: Stack, counts: fuzz.Counts) -> None:
    bomb = fuzz.bomb(LONGEST_S + 60)
    assert len(bomb) < 2**20
    held = []
    for _ in range(3):
        answer = httpx.post(
            f"{stack.url}/v1/audio/transcriptions", files={"file": ("a.flac", bomb)}, timeout=ANSWER_WITHIN_S
        )
        counts.add("bombs", answer.status_code)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")
        assert f"lasts more than {LONGEST_S:g} s" in answer.text
        held.append(memory(stack))
    # The allocator may keep what one of them took, and no more.
    assert held[-1] - held[0] < LONGEST_S * EARS_BYTES_PER_S / 2


def test_events_in_any_order(stack: Stack, counts: fuzz.Counts) -> None:
    @fuzz.tries(12)
    @given(fuzz.EVENTS)
    def lives_on(events: list[object]) -> None:
        with connect(f"{stack.realtime_url}?model=gpt-realtime", max_size=None) as socket:
            for event in events:
                socket.send(json.dumps(event))
            socket.send(json.dumps({"type": "conversation.item.retrieve", "event_id": "probe", "item_id": "nobody"}))
            while True:
                answer = json.loads(socket.recv(timeout=ANSWER_WITHIN_S))
                if answer["type"] == "error":
                    counts.add("Realtime errors", answer["error"]["type"])
                    assert answer["error"]["type"] != "server_error", answer
                    if answer["error"]["event_id"] == "probe":
                        break
        counts.add("Realtime sequences", "answered to the end")

    lives_on()


def test_frames_of_any_kind(stack: Stack, counts: fuzz.Counts) -> None:
    @fuzz.tries(10)
    @given(st.lists(st.text(max_size=200) | st.binary(max_size=200), max_size=8))
    def answered_or_closed(frames: list[str | bytes]) -> None:
        outcome = "answered to the end"
        with connect(f"{stack.realtime_url}?model=gpt-realtime") as socket:
            try:
                for frame in frames:
                    socket.send(frame)
                socket.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
                while json.loads(socket.recv(timeout=ANSWER_WITHIN_S))["type"] != "session.updated":
                    pass
            except ConnectionClosed as closed:
                assert closed.rcvd is not None, "the connection was dropped"
                outcome = f"closed with {closed.rcvd.code}"
                assert closed.rcvd.code != 1011
        counts.add("Realtime frames", outcome)

    answered_or_closed()


def test_streams_of_the_worker_in_any_order(stack: Stack, counts: fuzz.Counts) -> None:
    with worker_channel(stack) as channel:

        @fuzz.tries(25)
        @given(fuzz.REQUESTS)
        def ends(requests: list[pb.SynthesizeRequest]) -> None:
            call = SynthesizerStub(channel).Synthesize(iter(requests), timeout=ANSWER_WITHIN_S)
            try:
                kinds = [response.WhichOneof("response") for response in call]
                outcome = "OK"
                assert kinds[0] == "started"
                assert kinds[-1] == "done"
            except grpc.RpcError:
                outcome = call.code().name
                assert outcome in REFUSALS, call.details()
            counts.add("worker streams", outcome)

        ends()


def test_streams_that_are_left_in_the_middle(stack: Stack, counts: fuzz.Counts) -> None:
    with worker_channel(stack) as channel:

        @fuzz.tries(10)
        @given(fuzz.REQUESTS, st.integers(0, 4))
        def is_freed(requests: list[pb.SynthesizeRequest], responses: int) -> None:
            call = SynthesizerStub(channel).Synthesize(iter(requests), timeout=ANSWER_WITHIN_S)
            try:
                for _ in range(responses):
                    next(call)
            except (grpc.RpcError, StopIteration):
                pass
            call.cancel()
            counts.add("worker streams left", "cancelled")

        is_freed()


def test_memory_stays_where_it_was(stack: Stack, counts: fuzz.Counts) -> None:
    broken = fuzz.recordings()[0][:200]
    with httpx.Client(base_url=stack.url, timeout=ANSWER_WITHIN_S) as client:

        def ask(times: int) -> int:
            for _ in range(times):
                client.post("/v1/audio/transcriptions", files={"file": ("a", broken)})
                client.post("/v1/audio/speech", json={"input": "", "response_format": "mp3"})
            return memory(stack)

        begin = ask(20)
        end = ask(20 * fuzz.FACTOR)
    counts.add("memory", f"{(end - begin) // 2**20} MiB more after {40 * fuzz.FACTOR} requests")
    assert end - begin < 30 * 2**20
