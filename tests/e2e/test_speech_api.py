"""The stock `openai` client and curl, unchanged, speak and listen in every format."""

from __future__ import annotations

import base64
import io
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
import numpy as np
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from support.speech import recognise, silence, word_error_rate
from support.stack import Stack

from voicechat.audio.decode import DecodingLimits, decode_audio
from voicechat.audio.pcm import Pcm16
from voicechat.audio.wav import wav_header

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: list[Format] = ["mp3", "opus", "aac", "flac", "wav", "pcm"]
TEXT = "The weather in Paris is warm and sunny today, and tomorrow it will rain."
"""What is spoken is never twice the same, and the ears of the tests are small: of 24 readings they heard each word."""
EARS_HZ = 16_000
LIMITS = DecodingLimits(max_s=60.0)


def heard_in(data: bytes, audio_format: str) -> str:
    recording = wav_header(24_000, len(data) // 2) + data if audio_format == "pcm" else data
    pcm = decode_audio(io.BytesIO(recording), len(recording), EARS_HZ, LIMITS)
    return recognise(pcm, EARS_HZ)


def wav_of(pcm: Pcm16) -> bytes:
    return wav_header(24_000, pcm.size) + pcm.astype("<i2").tobytes()


@pytest.fixture
def client(stack: Stack) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{stack.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
async def async_client(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{stack.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def recordings(stack: Stack) -> dict[str, bytes]:
    """The same sentence in every format that can be sent back as a file."""
    made: dict[str, bytes] = {}
    for audio_format in FORMATS:
        if audio_format != "pcm":
            body = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": audio_format}
            answer = httpx.post(f"{stack.url}/v1/audio/speech", json=body, timeout=60)
            made[audio_format] = answer.raise_for_status().content
    return made


@pytest.mark.parametrize("audio_format", FORMATS)
def test_speech_in_every_format_says_its_text(client: OpenAI, audio_format: Format) -> None:
    speech = client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, response_format=audio_format)
    assert word_error_rate([TEXT], [heard_in(speech.content, audio_format)]) <= 0.15


@pytest.mark.parametrize("audio_format", FORMATS)
async def test_speech_streams_in_every_format(async_client: AsyncOpenAI, audio_format: Format) -> None:
    sizes = []
    async with async_client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="coral", input=f"{TEXT} {TEXT}", response_format=audio_format
    ) as answer:
        async for chunk in answer.iter_bytes():
            sizes.append(len(chunk))
    # It came as it was made, not as one piece at the end.
    assert len(sizes) >= 4
    assert sizes[0] < sum(sizes) / 2


async def test_speech_comes_as_events(stack: Stack, async_client: AsyncOpenAI) -> None:
    events: list[dict[str, Any]] = []
    async with async_client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="sage", input=TEXT, response_format="pcm", stream_format="sse"
    ) as answer:
        async for line in answer.iter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
    sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert word_error_rate([TEXT], [heard_in(sound, "pcm")]) <= 0.15
    assert events[-1]["type"] == "speech.audio.done"


def test_slow_speech_is_longer(client: OpenAI) -> None:
    def spoken(speed: float) -> int:
        body = client.audio.speech.create(
            model="tts-1", voice="alloy", input=TEXT, response_format="pcm", speed=speed
        ).content
        return len(body)

    assert spoken(0.5) > 1.5 * spoken(1.0) > 2.0 * spoken(2.0)


@pytest.mark.parametrize("audio_format", [each for each in FORMATS if each != "pcm"])
def test_a_recording_of_every_format_is_transcribed(
    client: OpenAI, recordings: dict[str, bytes], audio_format: str
) -> None:
    file = (f"speech.{audio_format}", recordings[audio_format])
    transcript = client.audio.transcriptions.create(model="whisper-1", file=file)
    assert word_error_rate([TEXT], [transcript.text]) <= 0.15
    assert transcript.usage is not None
    assert transcript.usage.type == "duration"


def test_a_verbose_transcript_has_words_and_segments(client: OpenAI, recordings: dict[str, bytes]) -> None:
    transcript = client.audio.transcriptions.create(
        model="whisper-1",
        file=("speech.wav", recordings["wav"]),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        language="en",
    )
    assert word_error_rate([TEXT], [transcript.text]) <= 0.15
    assert transcript.words is not None
    assert transcript.segments is not None
    assert [word.word for word in transcript.words] == transcript.text.split()
    ends = [word.end for word in transcript.words]
    assert ends == sorted(ends)
    assert 0 < ends[-1] <= transcript.duration + 0.1
    assert transcript.segments[0].text == transcript.text
    assert -1.0 < transcript.segments[0].avg_logprob < 0.0


@pytest.mark.parametrize(("form", "sign"), [("text", ""), ("srt", " --> "), ("vtt", "WEBVTT")])
def test_a_transcript_comes_as_text(
    client: OpenAI, recordings: dict[str, bytes], form: Literal["text", "srt", "vtt"], sign: str
) -> None:
    text = client.audio.transcriptions.create(
        model="whisper-1", file=("speech.mp3", recordings["mp3"]), response_format=form
    )
    assert isinstance(text, str)
    assert sign in text
    assert "in paris is warm and sunny" in text.lower()


async def test_a_long_recording_is_stitched_and_streams(async_client: AsyncOpenAI) -> None:
    sentences = ["The first train leaves at seven.", "The second one is a little later.", "Bring something to read."]
    speech = await async_client.audio.speech.create(
        model="tts-1", voice="alloy", input=" ".join(sentences), response_format="pcm"
    )
    once = np.frombuffer(speech.content, "<i2")
    pcm = np.concatenate([once, silence(12.0, 24_000)] * 3)
    stream = await async_client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=("long.wav", wav_of(pcm)), stream=True
    )
    events = [event async for event in stream]
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    (done,) = [event for event in events if event.type == "transcript.text.done"]
    assert len(deltas) >= 2
    assert "".join(deltas) == done.text
    assert word_error_rate([" ".join(sentences * 3)], [done.text]) <= 0.15
    assert done.usage is not None
    assert done.usage.input_tokens == round(pcm.size / 24_000 * 10)


def test_what_there_is_can_be_listed(client: OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert {"tts-1", "whisper-1", "gpt-realtime", "piper-en-us-joe-medium"} <= names
    assert client.models.retrieve("piper-en-us-joe-medium").id == "piper-en-us-joe-medium"


def test_mistakes_are_the_clients_own_errors(client: OpenAI, recordings: dict[str, bytes]) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.speech.create(model="tts-1", voice="alloy", input="  ")
    assert (caught.value.code, caught.value.param) == ("empty_text", "input")
    with pytest.raises(openai.NotFoundError) as missing:
        client.audio.speech.create(model="tts-1", voice="nobody", input="Hi")
    assert missing.value.param == "voice"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-2")
    with pytest.raises(openai.BadRequestError) as noise:
        client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"not a recording"))
    assert noise.value.code == "invalid_audio"
    with pytest.raises(openai.BadRequestError) as language:
        client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", recordings["mp3"]), language="de")
    assert language.value.param == "language"


def test_curl_speaks_and_listens(stack: Stack, tmp_path: Path) -> None:
    spoken = tmp_path / "speech.mp3"
    body = json.dumps({"model": "tts-1", "voice": "alloy", "input": TEXT})
    speak = ["curl", "-sf", f"{stack.url}/v1/audio/speech", "-H", "Content-Type: application/json", "-d", body]
    subprocess.run([*speak, "-o", str(spoken)], check=True, timeout=60)
    listen = ["curl", "-sf", f"{stack.url}/v1/audio/transcriptions", "-F", f"file=@{spoken}", "-F", "model=whisper-1"]
    done = subprocess.run([*listen, "-F", "response_format=text"], check=True, timeout=60, capture_output=True)
    assert word_error_rate([TEXT], [done.stdout.decode()]) <= 0.15


async def test_a_listener_that_leaves_frees_the_voice(stack: Stack, async_client: AsyncOpenAI) -> None:
    long = " ".join([TEXT] * 100)
    async with async_client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=long
    ) as answer:
        async for _ in answer.iter_bytes():
            break
    # What is asked next is answered at once rather than behind minutes of speech.
    speech = await async_client.audio.speech.create(model="tts-1", voice="alloy", input="Yes.", timeout=20)
    assert speech.content
