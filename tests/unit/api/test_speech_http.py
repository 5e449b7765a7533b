from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from voicechat.audio.wav import wav_header
from voicechat.fleet.fake import FakeFleet
from voicechat.fleet.port import Pace, VoiceError


def error_of(client: TestClient, status: int, **body: Any) -> dict[str, Any]:
    answer = client.post("/synthesize", json=body)
    assert answer.status_code == status
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def test_text_comes_back_as_wav(client: TestClient) -> None:
    answer = client.post("/synthesize", json={"text": "Hello there."})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.content.startswith(wav_header(24_000))
    samples = np.frombuffer(answer.content[44:], "<i2")
    assert samples.size == 2 * 0.3 * 24_000


def test_the_wav_says_that_its_length_is_unknown(client: TestClient) -> None:
    header = io.BytesIO(client.post("/synthesize", json={"text": "Hello."}).content).read(44)
    assert header[40:44] == (0xFFFFFFFF - 36).to_bytes(4, "little")


def test_files_are_spoken_beside_conversations(client: TestClient, fleet: FakeFleet) -> None:
    client.post("/synthesize", json={"text": "Hello."})
    (stream,) = fleet.streams
    assert stream.request.pace is Pace.BULK
    assert stream.sent == "Hello."
    assert not stream.cancelled


@pytest.mark.parametrize("name", [None, "default", "alloy", "tts-1"])
def test_stock_names_mean_the_default_voice(client: TestClient, fleet: FakeFleet, name: str | None) -> None:
    client.post("/synthesize", json={"text": "Hello."} | ({"model": name} if name else {}))
    assert fleet.streams[0].request.model_id == "piper-en-us-joe-medium"


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_empty_text_is_refused(client: TestClient, text: str) -> None:
    assert error_of(client, 400, text=text)["code"] == "empty_text"


def test_long_text_is_refused_with_the_limit(client: TestClient) -> None:
    error = error_of(client, 400, text="x" * 201)
    assert (error["code"], error["param"]) == ("text_too_long", "text")
    assert "200" in error["message"]


def test_text_without_words_is_refused(client: TestClient, fleet: FakeFleet) -> None:
    fleet.word_ms = 0.0
    assert error_of(client, 400, text="...")["code"] == "nothing_to_speak"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_ARGUMENT", 400),
        ("NOT_FOUND", 404),
        ("FAILED_PRECONDITION", 409),
        ("RESOURCE_EXHAUSTED", 429),
        ("UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 504),
        ("INTERNAL", 500),
    ],
)
def test_a_refusal_of_the_fleet_has_its_own_status(
    client: TestClient, fleet: FakeFleet, code: str, status: int
) -> None:
    fleet.refuse_with = VoiceError(code, "voicechat models pull piper-en-us-lessac-medium")
    error = error_of(client, status, text="Hello.", model="piper-en-us-lessac-medium")
    assert error["message"] == "voicechat models pull piper-en-us-lessac-medium"


def test_a_client_is_told_when_to_try_again(client: TestClient, fleet: FakeFleet) -> None:
    fleet.refuse_with = VoiceError("UNAVAILABLE", "no worker", retry_after_s=3.0)
    assert client.post("/synthesize", json={"text": "Hello."}).headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "text"),
        ({"text": 3}, "text"),
        ({"text": "Hi", "txt": 1}, "txt"),
        ({"text": "Hi", "model": 3}, "model"),
        ({"text": "Hi", "model": "x" * 300}, "model"),
    ],
)
def test_wrong_fields_are_refused_by_name(client: TestClient, body: dict[str, Any], param: str) -> None:
    assert error_of(client, 400, **body)["param"] == param


@pytest.mark.parametrize("content", [b"[1]", b"null", b""])
def test_a_body_that_is_no_object_is_refused_with_what_is_wanted(client: TestClient, content: bytes) -> None:
    answer = client.post("/synthesize", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert "JSON object" in answer.json()["error"]["message"]


def test_a_body_that_does_not_say_that_it_is_json_is_refused_with_the_header(client: TestClient) -> None:
    answer = client.post("/synthesize", content=b'{"text": "Hi"}', headers={"content-type": "text/plain"})
    assert answer.status_code == 400
    assert "application/json" in answer.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"{", b'{"text": "\xff"}', b"[" * 1900])
def test_a_body_that_is_not_json_is_refused(client: TestClient, content: bytes) -> None:
    answer = client.post("/synthesize", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


def test_a_large_body_is_refused_by_its_header(client: TestClient) -> None:
    answer = client.post("/synthesize", json={"text": "x" * 4000})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_a_large_body_is_refused_while_it_streams_in(client: TestClient) -> None:
    answer = client.post("/synthesize", content=(b"x" * 1000 for _ in range(10)))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_a_voice_that_breaks_off_cuts_the_wav(client: TestClient, fleet: FakeFleet) -> None:
    fleet.fail_after_ms = 100.0
    answer = client.post("/synthesize", json={"text": "Hello there you."})
    assert len(answer.content) < 44 + 3 * 0.3 * 24_000 * 2
    assert fleet.streams[0].cancelled
