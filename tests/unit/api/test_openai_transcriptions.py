from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from voicechat.api.loading import DeferredEars
from voicechat.api.places import Places
from voicechat.api.services import Services
from voicechat.api.transcribing import TranscriptOrder, TranscriptResponse
from voicechat.api.transcripts import TranscriptFormat, segments_of, srt, vtt
from voicechat.asr.fake import ScriptedEars
from voicechat.asr.port import EarsError, HeardWord, Transcript, UnknownLanguageError
from voicechat.audio.decode import DecodingLimits
from voicechat.audio.wav import wav_header
from voicechat.settings import Settings

URL = "/v1/audio/transcriptions"
RATE_HZ = 8_000


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate({"asr": {"max_recording_s": 60, "max_recordings": 1}})


def recording(seconds: float) -> bytes:
    noise = np.random.default_rng(0).integers(-3000, 3000, round(seconds * RATE_HZ), np.int16)
    return wav_header(RATE_HZ, noise.size) + noise.tobytes()


SHORT = recording(2.0)


def post(client: TestClient, sound: bytes = SHORT, fields: Mapping[str, Any] | None = None, **more: str) -> Any:
    form = {"model": "whisper-1", **(fields or {}), **more}
    return client.post(URL, files={"file": ("speech.wav", sound)}, data=form)


def error_of(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def events(body: str) -> list[dict[str, Any]]:
    return [json.loads(block.removeprefix("data: ")) for block in body.split("\n\n") if block]


def test_a_recording_becomes_text(client: TestClient, ears: ScriptedEars) -> None:
    ears.script.append("Hello there.")
    assert post(client).json() == {"text": "Hello there.", "usage": {"type": "duration", "seconds": 2}}
    assert ears.recordings[0].size == 2 * 16_000


def test_silence_is_no_text(client: TestClient) -> None:
    assert post(client).json()["text"] == ""


def test_text_is_plain(client: TestClient, ears: ScriptedEars) -> None:
    ears.script.append("Hello there.")
    answer = post(client, response_format="text")
    assert (answer.text, answer.headers["content-type"]) == ("Hello there.\n", "text/plain; charset=utf-8")


def test_subtitles_have_a_cue_for_each_sentence(client: TestClient, ears: ScriptedEars) -> None:
    ears.script.extend(["Hello there. Good day.", "Hello there. Good day."])
    assert post(client, response_format="srt").text == (
        "1\n00:00:00,000 --> 00:00:01,000\nHello there.\n\n2\n00:00:01,000 --> 00:00:02,000\nGood day.\n\n"
    )
    assert post(client, response_format="vtt").text == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHello there.\n\n00:00:01.000 --> 00:00:02.000\nGood day.\n\n"
    )


@pytest.mark.parametrize(
    ("granularities", "parts"),
    [
        ([], {"segments"}),
        (["segment"], {"segments"}),
        (["word"], {"words"}),
        (["word", "segment"], {"words", "segments"}),
    ],
)
def test_a_verbose_transcript_has_the_times_that_were_asked_for(
    client: TestClient, ears: ScriptedEars, granularities: list[str], parts: set[str]
) -> None:
    ears.script.append("Hello there.")
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": granularities}
    body = post(client, fields=fields).json()
    assert set(body) == {"task", "language", "duration", "text", "usage"} | parts
    assert (body["task"], body["language"], body["duration"]) == ("transcribe", "en", 2.0)
    if "words" in parts:
        assert body["words"][1] == {"word": "there.", "start": 1.0, "end": 2.0}
    if "segments" in parts:
        (segment,) = body["segments"]
        assert (segment["text"], segment["start"], segment["end"]) == ("Hello there.", 0.0, 2.0)


def test_a_long_recording_is_heard_in_pieces_that_follow_each_other(client: TestClient, ears: ScriptedEars) -> None:
    ears.script.extend(["First part.", "Second part."])
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}
    body = post(client, recording(40.0), fields).json()
    assert body["text"] == "First part. Second part."
    first, second = ears.recordings
    assert first.size + second.size == pytest.approx(40 * 16_000, rel=0.01)
    assert body["words"][2]["word"] == "Second"
    assert body["words"][2]["start"] == pytest.approx(first.size / 16_000, abs=0.01)
    assert body["segments"][-1]["seek"] == pytest.approx(first.size / 160, abs=1)


def test_a_stream_tells_each_piece_as_it_is_known(client: TestClient, ears: ScriptedEars) -> None:
    ears.script.extend(["First part.", "Second part."])
    answer = post(client, recording(40.0), stream="true")
    assert answer.headers["content-type"].startswith("text/event-stream")
    first, second, done = events(answer.text)
    assert (first["delta"], second["delta"]) == ("First part.", " Second part.")
    assert (done["type"], done["text"]) == ("transcript.text.done", "First part. Second part.")
    assert done["usage"]["input_token_details"]["audio_tokens"] == 400


def test_a_stream_of_silence_is_only_done(client: TestClient) -> None:
    (done,) = events(post(client, stream="true").text)
    assert (done["type"], done["text"]) == ("transcript.text.done", "")


def test_a_stream_that_breaks_off_says_so(client: TestClient, ears: ScriptedEars) -> None:
    ears.script.extend(["First part.", EarsError("too many wait")])
    *_, last = events(post(client, recording(40.0), stream="true").text)
    assert (last["type"], last["error"]["message"]) == ("error", "too many wait")


@pytest.mark.parametrize("stream", ["true", "false"])
def test_an_unknown_language_is_the_clients_mistake(client: TestClient, ears: ScriptedEars, stream: str) -> None:
    ears.script.append(UnknownLanguageError("this model does not hear 'xx'"))
    assert error_of(post(client, language="xx", stream=stream), 400)["param"] == "language"


def test_ears_that_cannot_keep_up_ask_for_patience(client: TestClient, ears: ScriptedEars) -> None:
    ears.script.append(EarsError("256 recognitions wait already"))
    answer = post(client)
    error_of(answer, 503)
    assert "retry-after" in answer.headers


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "docx"}, "response_format"),
        ({"temperature": "2"}, "temperature"),
        ({"stream": "perhaps"}, "stream"),
        ({"stream": "true", "response_format": "srt"}, "stream"),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities"),
        ({"chunking_strategy": "server_vad"}, "chunking_strategy"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_fields_are_refused_by_name(client: TestClient, fields: dict[str, str], param: str) -> None:
    assert error_of(post(client, fields=fields), 400)["param"] == param


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    error = error_of(post(client, model="whisper-9"), 404)
    assert error["code"] == "model_not_found"
    assert "whisper-1" in error["message"]


@pytest.mark.parametrize("data", [b"", b"not a recording", recording(61.0), wav_header(RATE_HZ, 0)])
def test_what_cannot_be_heard_is_refused(client: TestClient, data: bytes) -> None:
    assert error_of(post(client, data), 400)["param"] == "file"


@pytest.mark.parametrize(
    "request_",
    [
        {"data": {"model": "whisper-1"}},
        {"json": {"model": "whisper-1", "file": "x"}},
        {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
        {"files": {"model": ("a", b"whisper-1")}},
        {"data": {"file": "not a file"}},
    ],
)
def test_a_body_that_is_no_form_with_a_file_is_refused(client: TestClient, request_: dict[str, Any]) -> None:
    error_of(client.post(URL, **request_), 400)


def test_no_more_are_taken_than_can_be_served(services: Services, client: TestClient, ears: ScriptedEars) -> None:
    refused: list[Any] = []

    async def busy(*_: Any, **__: Any) -> Transcript:
        refused.append(await_other())
        return Transcript("Done.", "en", 2.0, 0.0)

    def await_other() -> Any:
        with TestClient(client.app, base_url="http://127.0.0.1:8080") as other:
            return post(other)

    ears.transcribe = busy  # type: ignore[method-assign]  # a recognition during which another client comes
    assert post(client).json()["text"] == "Done."
    assert error_of(refused[0], 429)["code"] == "too_many_requests"
    assert "retry-after" in refused[0].headers


async def test_nobody_is_heard_for_a_client_that_has_left(services: Services, ears: ScriptedEars) -> None:
    ended = asyncio.Event()

    async def endless(*_: Any, **__: Any) -> Transcript:
        try:
            left.set()
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    left = asyncio.Event()
    sent: list[Any] = []

    async def leaves() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    ears.transcribe = endless  # type: ignore[method-assign]  # a recognition that takes as long as it likes
    order = TranscriptOrder(SHORT, None, TranscriptFormat.JSON, words=False, segments=True, stream=False)
    places = Places(1, "recordings", "asr.max_recordings")
    response = TranscriptResponse(ears, order, services.decoders, DecodingLimits(60.0), places)
    await response({"type": "http"}, leaves, send)
    assert ended.is_set()
    assert sent == []
    with places.taken():
        pass


def test_before_the_ears_are_loaded_clients_are_told_to_come_back(services: Services, client: TestClient) -> None:
    services.ears.refuse("recognition_disabled", "recognition is off")
    assert error_of(post(client), 503)["code"] == "recognition_disabled"


def test_ears_that_load_say_when_to_come_back() -> None:
    with pytest.raises(Exception, match="loading") as caught:
        DeferredEars().require()
    assert getattr(caught.value, "retry_after_s", None) == 2.0


def test_translations_are_refused_with_what_there_is(client: TestClient) -> None:
    error = error_of(client.post("/v1/audio/translations", files={"file": b"x"}), 400)
    assert "/v1/audio/transcriptions" in error["message"]


def words(*spoken: tuple[str, float, float]) -> tuple[HeardWord, ...]:
    return tuple(HeardWord(text, start_s, end_s, 0.5) for text, start_s, end_s in spoken)


def test_a_pause_and_a_long_sentence_begin_new_cues() -> None:
    pause = words(("one", 0.0, 0.4), ("two", 0.5, 1.0), ("three", 2.5, 3.0))
    assert [each.text for each in segments_of(Transcript("one two three", "en", 3.0, 0.0, pause), 0.0)] == [
        "one two",
        "three",
    ]
    long = words(*(("word", float(at), at + 0.9) for at in range(20)))
    spoken = segments_of(Transcript(" ".join(["word"] * 20), "en", 20.0, 0.0, long), 0.0)
    assert all(each.end_s - each.start_s <= 7.0 for each in spoken)


def test_languages_without_spaces_keep_their_writing() -> None:
    heard = Transcript("你好吗？很好。", "zh", 2.0, 0.0, words(("你好", 0, 0.5), ("吗？", 0.5, 1), ("很好。", 1, 2)))
    assert [each.text for each in segments_of(heard, 0.0)] == ["你好吗？", "很好。"]


def test_cues_past_an_hour_have_their_hours() -> None:
    (segment,) = segments_of(Transcript("Late.", "en", 1.0, 0.0, words(("Late.", 3661.5, 3662.0))), 3660.0)
    assert "01:01:01,500 --> 01:01:02,000" in srt([segment])
    assert "01:01:01.500 --> 01:01:02.000" in vtt([segment])
