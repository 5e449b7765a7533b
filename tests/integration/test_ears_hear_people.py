"""The real ears on recordings of a person: as good as faster-whisper, and silent where nobody speaks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import numpy as np
import pytest
from support.speech import PROMPTS, prompt, prompt_words, recognise, silence, word_error_rate

from voicechat.asr.load import load_ears
from voicechat.asr.port import EARS_RATE_HZ, Ears, EarsError, RecognitionStream
from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.bench.hearing import utterance
from voicechat.bench.prompts import read_g722
from voicechat.settings import Settings

RECORDINGS = 15
FRAME_SAMPLES = EARS_RATE_HZ // 50


@pytest.fixture
async def ears() -> AsyncIterator[Ears]:
    ears = await asyncio.to_thread(load_ears, Settings())
    yield ears
    await ears.aclose()


def recordings(count: int) -> list[tuple[str, Pcm16]]:
    """What a person says, and the recording of it, between pauses as voice activity detection leaves them."""
    words = {name: text for name, text in prompt_words().items() if 2 <= len(text.split()) <= 15 and "/" not in name}
    chosen = random.Random(1).sample(sorted(words), count)
    return [(words[name], padded(resample(*prompt(name), EARS_RATE_HZ))) for name in chosen]


def padded(pcm: Pcm16) -> Pcm16:
    return np.concatenate([silence(0.2, EARS_RATE_HZ), pcm, silence(0.4, EARS_RATE_HZ)])


def guessed_at(name: str) -> Pcm16:
    """A prompt at 16 kHz, as it is when a tenth of a second of quiet has followed it."""
    pcm, _ = utterance(read_g722(PROMPTS / f"{name}.g722"), endpoint_s=0.1)
    return pcm


async def final(stream: RecognitionStream) -> str:
    async for heard in stream:
        if heard.is_final:
            return heard.text
    raise AssertionError("the stream ended before a final transcript")


def push_in_frames(stream: RecognitionStream, pcm: Pcm16) -> None:
    for start in range(0, pcm.size, FRAME_SAMPLES):
        stream.push(pcm[start : start + FRAME_SAMPLES])


async def test_utterances_are_recognised_as_well_as_by_faster_whisper(ears: Ears) -> None:
    said, heard, reference = [], [], []
    stream = ears.stream()
    for words, pcm in recordings(RECORDINGS):
        push_in_frames(stream, pcm)
        stream.flush()
        said.append(words)
        heard.append(await final(stream))
        reference.append(recognise(pcm, EARS_RATE_HZ))
    ours, theirs = word_error_rate(said, heard), word_error_rate(said, reference)
    print(f"word error rate {ours:.3f}, faster-whisper {theirs:.3f}")
    # Numbers and misspelt prompts count against both; one word of 150 is chance.
    assert ours <= theirs + 0.015


@pytest.mark.parametrize("seconds", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("level", [0, 10, 300, 3000])
async def test_noise_is_not_speech(ears: Ears, seconds: float, level: int) -> None:
    noise = np.random.default_rng(1).normal(0, level, round(seconds * EARS_RATE_HZ)).astype(np.int16)
    stream = ears.stream()
    push_in_frames(stream, noise)
    stream.flush()
    assert await final(stream) == ""


async def test_hum_and_a_click_are_not_speech(ears: Ears) -> None:
    time_s = np.arange(2 * EARS_RATE_HZ) / EARS_RATE_HZ
    hum = (2000 * np.sin(2 * np.pi * 100 * time_s)).astype(np.int16)
    click = silence(1, EARS_RATE_HZ)
    click[8000:8080] = 12_000
    assert [(await ears.transcribe(sound)).text for sound in (hum, click)] == ["", ""]


async def test_a_person_who_says_thank_you_is_heard(ears: Ears) -> None:
    heard = await ears.transcribe(padded(resample(*prompt("auth-thankyou"), EARS_RATE_HZ)))
    assert word_error_rate(["thank you"], [heard.text]) == 0


@pytest.mark.parametrize(
    ("name", "words"), [("digits/50", "50"), ("digits/15", "15"), ("letters/ascii34", "quote"), ("letters/e", "e")]
)
async def test_a_word_on_which_short_windows_run_in_a_circle_is_heard_once(ears: Ears, name: str, words: str) -> None:
    heard = await ears.transcribe(guessed_at(name))
    assert word_error_rate([words], [heard.text]) == 0


async def test_what_a_reading_broke_off_before_is_heard_too(ears: Ears) -> None:
    assert "pound" in (await ears.transcribe(guessed_at("vm-instructions"))).text


async def test_a_minute_of_speech_is_recognised_whole_with_rising_word_times(ears: Ears) -> None:
    spoken = recordings(24)
    recording = np.concatenate([pcm for _, pcm in spoken])
    heard = await ears.transcribe(recording, words=True)
    assert recording.size > 60 * EARS_RATE_HZ
    assert word_error_rate([" ".join(words for words, _ in spoken)], [heard.text]) <= 0.10
    starts = [word.start_s for word in heard.words]
    assert starts == sorted(starts)
    assert " ".join(word.text for word in heard.words) == heard.text
    assert heard.words[-1].end_s <= recording.size / EARS_RATE_HZ + 0.1


async def test_two_people_at_once_hear_their_own_words(ears: Ears) -> None:
    one, other = ears.stream(), ears.stream()
    for stream, name in ((one, "conf-full"), (other, "all-circuits-busy-now")):
        push_in_frames(stream, padded(resample(*prompt(name), EARS_RATE_HZ)))
        stream.flush()
    first, second = await asyncio.gather(final(one), final(other))
    assert "conference" in first.lower()
    assert "circuits" in second.lower()


async def test_a_language_that_the_model_does_not_know_is_refused_by_name(ears: Ears) -> None:
    with pytest.raises(EarsError, match="does not hear 'de'"):
        ears.stream("de")
