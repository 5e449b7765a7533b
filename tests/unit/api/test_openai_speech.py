from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from voicechat.audio.decode import DecodingLimits, decode_audio
from voicechat.audio.wav import wav_header
from voicechat.fleet.fake import FakeFleet
from voicechat.fleet.port import Pace, VoiceError
from voicechat.settings import Settings

URL = "/v1/audio/speech"
DEFAULT = "piper-en-us-joe-medium"


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate(
        {"server": {"max_text_chars": 200}, "tts": {"aliases": {"nova": "piper-other", "tts-1-hd": "piper-best"}}}
    )


def events(body: str) -> list[dict[str, Any]]:
    return [json.loads(block.removeprefix("data: ")) for block in body.split("\n\n") if block]


@pytest.mark.parametrize(
    ("response_format", "media_type"),
    [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("aac", "audio/aac"), ("flac", "audio/flac"), ("wav", "audio/wav")],
)
def test_speech_comes_in_the_format_that_was_asked_for(
    client: TestClient, response_format: str, media_type: str
) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello there.", "response_format": response_format}
    answer = client.post(URL, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    heard = decode_audio(io.BytesIO(answer.content), len(answer.content), 16_000, DecodingLimits(10.0))
    assert heard.size == pytest.approx(2 * 0.3 * 16_000, rel=0.15)


def test_mp3_is_the_format_where_none_is_named(client: TestClient) -> None:
    assert client.post(URL, json={"input": "Hello."}).headers["content-type"] == "audio/mpeg"


def test_pcm_has_no_header(client: TestClient) -> None:
    answer = client.post(URL, json={"input": "Hello there.", "response_format": "pcm"})
    assert len(answer.content) == 2 * 0.3 * 24_000 * 2


def test_events_carry_the_same_sound_and_what_it_cost(client: TestClient) -> None:
    body = {"input": "Hello there.", "response_format": "wav", "stream_format": "sse"}
    answer = client.post(URL, json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *deltas, done = events(answer.text)
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    sound = b"".join(base64.b64decode(event["audio"]) for event in deltas)
    assert sound[:44] == wav_header(24_000)
    assert len(sound) == 44 + 2 * 0.3 * 24_000 * 2
    assert done == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 3, "output_tokens": 12, "total_tokens": 15},
    }


def test_events_end_with_an_error_when_the_voice_breaks_off(client: TestClient, fleet: FakeFleet) -> None:
    fleet.fail_after_ms = 100.0
    answer = client.post(URL, json={"input": "Hello there.", "response_format": "pcm", "stream_format": "sse"})
    last = events(answer.text)[-1]
    assert (last["type"], last["error"]["code"]) == ("error", "unavailable")


@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_a_voice_that_breaks_off_cuts_the_sound(client: TestClient, fleet: FakeFleet, response_format: str) -> None:
    whole = client.post(URL, json={"input": "Hello there you.", "response_format": response_format}).content
    fleet.fail_after_ms = 300.0
    cut = client.post(URL, json={"input": "Hello there you.", "response_format": response_format}).content
    assert len(cut) < len(whole)


@pytest.mark.parametrize(
    ("model", "voice", "spoken_by", "speaker"),
    [
        ("tts-1", "alloy", DEFAULT, ""),
        ("gpt-4o-mini-tts", "default", DEFAULT, ""),
        ("tts-1", "nova", "piper-other", ""),
        ("tts-1", {"id": "piper-third"}, "piper-third", ""),
        ("tts-1-hd", "alloy", "piper-best", ""),
        ("piper-multi", "alloy", "piper-multi", ""),
        ("piper-multi", "piper-multi", "piper-multi", ""),
        ("piper-multi", "p225", "piper-multi", "p225"),
    ],
)
def test_model_and_voice_name_who_speaks(
    client: TestClient, fleet: FakeFleet, model: str, voice: str | dict[str, str], spoken_by: str, speaker: str
) -> None:
    client.post(URL, json={"input": "Hello.", "model": model, "voice": voice})
    request = fleet.streams[0].request
    assert (request.model_id, request.voice, request.pace) == (spoken_by, speaker, Pace.BULK)


def test_the_speed_is_the_voices_and_instructions_change_nothing(client: TestClient, fleet: FakeFleet) -> None:
    answer = client.post(URL, json={"input": "Hello.", "speed": 1.5, "instructions": "Whisper."})
    assert answer.status_code == 200
    assert fleet.streams[0].request.speed == 1.5


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": "x" * 201}, "input"),
        ({"input": "Hi", "speed": 0.2}, "speed"),
        ({"input": "Hi", "speed": 4.1}, "speed"),
        ({"input": "Hi", "response_format": "wma"}, "response_format"),
        ({"input": "Hi", "stream_format": "ws"}, "stream_format"),
        ({"input": "Hi", "tone": "warm"}, "tone"),
        ({"input": "\ud800"}, "input"),
    ],
)
def test_wrong_fields_are_refused_by_name(client: TestClient, body: dict[str, Any], param: str) -> None:
    answer = client.post(URL, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(("model", "param"), [("tts-1", "voice"), ("piper-nobody", "model")])
def test_a_voice_that_is_not_there_is_told_by_the_field_that_named_it(
    client: TestClient, fleet: FakeFleet, model: str, param: str
) -> None:
    fleet.refuse_with = VoiceError("NOT_FOUND", "no model 'nobody'; the nearest are piper-en-us-joe-medium")
    answer = client.post(URL, json={"input": "Hi", "model": model, "voice": "nobody"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, param)


def test_a_model_can_be_looked_up_by_its_name(client: TestClient) -> None:
    assert client.get("/v1/models/tts-1").json()["id"] == "tts-1"
    answer = client.get("/v1/models/tts-9")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert "tts-1" in answer.json()["error"]["message"]
