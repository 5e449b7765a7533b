"""Utterances go in as audio and come out as transcripts, one final for each flush."""

from collections.abc import AsyncIterator

import numpy as np
import pytest

from voicechat.asr.engines.fake import NumberEngine, spoken
from voicechat.asr.port import EARS_RATE_HZ, EarsError, RecognitionStream, Transcript
from voicechat.asr.shared import SharedEars
from voicechat.asr.stream import MAX_UNREAD, PAUSE_IN_NOISE_S, PAUSE_S, Eagerness, pause_s
from voicechat.asr.worker import DecodingWorker, InlineWorker

QUIET = spoken(0, 0.3)


@pytest.fixture
def engine() -> NumberEngine:
    return NumberEngine()


@pytest.fixture
async def ears(engine: NumberEngine) -> AsyncIterator[SharedEars]:
    ears = SharedEars(engine, DecodingWorker(), eagerness=Eagerness(interim_s=0, speculate=False))
    yield ears
    engine.gate.set()
    await ears.aclose()


@pytest.fixture
async def eager_ears(engine: NumberEngine) -> AsyncIterator[SharedEars]:
    """Ears that make interim transcripts."""
    ears = SharedEars(engine, DecodingWorker())
    yield ears
    engine.gate.set()
    await ears.aclose()


@pytest.fixture
async def prompt_ears(engine: NumberEngine) -> AsyncIterator[SharedEars]:
    """Eager ears that have heard what was pushed when the push returns."""
    ears = SharedEars(engine, InlineWorker())
    yield ears
    await ears.aclose()


async def next_of(stream: RecognitionStream) -> Transcript:
    return await aiter(stream).__anext__()


async def test_a_flush_yields_the_words_of_the_utterance(ears: SharedEars) -> None:
    stream = ears.stream()
    stream.push(spoken(3000, 0.5))
    stream.push(spoken(4000, 0.5))
    stream.flush()
    heard = await next_of(stream)
    assert (heard.text, heard.is_final, heard.audio_s) == ("3000 4000", True, 1.0)


async def test_utterances_come_out_in_order(ears: SharedEars) -> None:
    stream = ears.stream()
    for word in (3000, 4000, 5000):
        stream.push(spoken(word, 0.3))
        stream.flush()
    assert [(await next_of(stream)).text for _ in range(3)] == ["3000", "4000", "5000"]


@pytest.mark.parametrize("seconds", [0.0, 1.0])
async def test_silence_yields_an_empty_final_without_work(
    ears: SharedEars, engine: NumberEngine, seconds: float
) -> None:
    stream = ears.stream()
    stream.push(spoken(0, seconds))
    stream.flush()
    assert (await next_of(stream)).text == ""
    assert engine.heard_s == []


async def test_a_cleared_utterance_is_forgotten(ears: SharedEars) -> None:
    stream = ears.stream()
    stream.push(spoken(3000, 0.5))
    stream.clear()
    stream.push(spoken(4000, 0.5))
    stream.flush()
    assert (await next_of(stream)).text == "4000"


async def test_a_callers_buffer_may_be_used_again(ears: SharedEars) -> None:
    stream = ears.stream()
    buffer = spoken(3000, 0.5)
    stream.push(buffer)
    buffer[:] = 9000
    stream.flush()
    assert (await next_of(stream)).text == "3000"


async def test_a_long_utterance_is_decoded_in_pieces_and_joined(ears: SharedEars, engine: NumberEngine) -> None:
    stream = ears.stream()
    for word in range(3000, 3016):
        stream.push(np.concatenate([spoken(word, 4.6), spoken(0, 0.4)]))
    stream.flush()
    heard = await next_of(stream)
    assert heard.text == " ".join(map(str, range(3000, 3016)))
    assert heard.audio_s == pytest.approx(80.0)
    assert max(engine.heard_s) <= 28.0


async def test_one_push_may_hold_minutes(ears: SharedEars, engine: NumberEngine) -> None:
    stream = ears.stream()
    stream.push(np.concatenate([np.concatenate([spoken(word, 4.6), spoken(0, 0.4)]) for word in range(3000, 3024)]))
    stream.flush()
    assert (await next_of(stream)).text == " ".join(map(str, range(3000, 3024)))
    assert max(engine.heard_s) <= 28.0


async def test_an_engines_failure_is_raised_once_and_the_stream_goes_on(ears: SharedEars, engine: NumberEngine) -> None:
    stream = ears.stream()
    engine.failure = RuntimeError("out of memory")
    stream.push(spoken(3000, 0.5))
    stream.flush()
    with pytest.raises(EarsError, match="out of memory"):
        await next_of(stream)
    engine.failure = None
    stream.push(spoken(4000, 0.5))
    stream.flush()
    assert (await next_of(stream)).text == "4000"


async def test_flushes_that_nobody_reads_are_refused(ears: SharedEars) -> None:
    stream = ears.stream()
    for _ in range(MAX_UNREAD):
        stream.flush()
    with pytest.raises(EarsError, match="unread"):
        stream.flush()


async def test_closing_ends_the_iteration(ears: SharedEars) -> None:
    stream = ears.stream()
    stream.push(spoken(3000, 0.5))
    stream.flush()
    await stream.aclose()
    assert [heard async for heard in stream] == []


async def test_an_unknown_language_is_refused_when_listening_begins(ears: SharedEars) -> None:
    with pytest.raises(EarsError, match="only en"):
        ears.stream("de")


async def test_words_appear_while_the_person_speaks(eager_ears: SharedEars) -> None:
    stream = eager_ears.stream()
    stream.push(spoken(3000, 0.7))
    heard = await next_of(stream)
    assert (heard.text, heard.is_final) == ("3000", False)


async def test_a_decode_in_the_pause_becomes_the_final_one(eager_ears: SharedEars, engine: NumberEngine) -> None:
    stream = eager_ears.stream()
    stream.push(np.concatenate([spoken(3000, 0.7), QUIET]))
    interim = await next_of(stream)
    stream.push(QUIET)
    stream.flush()
    final = await next_of(stream)
    assert (interim.text, final.text) == ("3000", "3000")
    assert len(engine.heard_s) == 1


async def test_a_guess_in_the_pause_says_that_it_is_one(prompt_ears: SharedEars) -> None:
    stream = prompt_ears.stream()
    stream.push(spoken(3000, 0.7))
    while_speaking = await next_of(stream)
    stream.push(QUIET)
    in_the_pause = await next_of(stream)
    assert (while_speaking.is_speculative, in_the_pause.is_speculative) == (False, True)
    assert not in_the_pause.is_final


async def test_no_guess_is_made_while_the_voice_is_short_of_audio(
    prompt_ears: SharedEars, engine: NumberEngine
) -> None:
    forget = prompt_ears.slack.watch(lambda: 0.1)
    stream = prompt_ears.stream()
    stream.push(np.concatenate([spoken(3000, 0.7), QUIET]))
    assert engine.heard_s == []
    stream.flush()
    assert (await next_of(stream)).text == "3000"
    forget()
    stream.push(np.concatenate([spoken(4000, 0.7), QUIET]))
    assert (await next_of(stream)).is_speculative


@pytest.mark.parametrize(
    ("range_db", "wanted_s"),
    [(60.0, PAUSE_S), (35.0, PAUSE_S), (25.0, (PAUSE_S + PAUSE_IN_NOISE_S) / 2), (15.0, PAUSE_IN_NOISE_S)],
)
def test_the_nearer_the_voice_is_to_the_noise_the_longer_a_pause_must_be(range_db: float, wanted_s: float) -> None:
    assert pause_s(2.0, range_db) == pytest.approx(wanted_s)


def test_long_speech_asks_for_a_longer_pause() -> None:
    assert pause_s(8.0, 60.0) < pause_s(9.0, 60.0) < pause_s(20.0, 60.0)


async def test_without_speculation_a_pause_is_not_decoded(engine: NumberEngine) -> None:
    ears = SharedEars(engine, InlineWorker(), eagerness=Eagerness(interim_s=0.6, speculate=False))
    stream = ears.stream()
    stream.push(np.concatenate([spoken(3000, 0.3), QUIET]))
    stream.flush()
    assert (await next_of(stream)).is_final
    await ears.aclose()


async def test_an_interim_decode_does_not_begin_where_a_pause_may(engine: NumberEngine) -> None:
    ears = SharedEars(engine, InlineWorker(), eagerness=Eagerness(interim_s=0.6))
    stream = ears.stream()
    stream.push(np.concatenate([spoken(3000, 0.6), spoken(0, 0.06)]))
    assert engine.heard_s == []
    stream.push(spoken(0, 0.06))
    assert (await next_of(stream)).is_speculative
    await ears.aclose()


async def test_interim_words_that_were_agreed_on_stay(prompt_ears: SharedEars) -> None:
    stream = prompt_ears.stream()
    texts = []
    for word in (3000, 4000, 5000):
        stream.push(spoken(word, 0.7))
        texts.append((await next_of(stream)).text)
    assert texts == ["3000", "3000 4000", "3000 4000 5000"]


async def test_speech_after_the_pause_is_decoded_anew(eager_ears: SharedEars) -> None:
    stream = eager_ears.stream()
    stream.push(np.concatenate([spoken(3000, 0.7), QUIET]))
    await next_of(stream)
    stream.push(spoken(4000, 0.2))
    stream.flush()
    assert (await next_of(stream)).text == "3000 4000"


async def test_no_interim_starts_while_a_final_is_being_decoded(eager_ears: SharedEars, engine: NumberEngine) -> None:
    first, second = eager_ears.stream(), eager_ears.stream()
    engine.gate.clear()
    first.push(spoken(3000, 0.3))
    first.flush()
    second.push(spoken(4000, 0.7))
    engine.gate.set()
    assert (await next_of(first)).text == "3000"
    assert engine.heard_s == [0.3]


async def test_an_interim_of_a_cleared_utterance_is_dropped(eager_ears: SharedEars, engine: NumberEngine) -> None:
    stream = eager_ears.stream()
    engine.gate.clear()
    stream.push(spoken(3000, 0.7))
    stream.clear()
    engine.gate.set()
    stream.push(spoken(4000, 0.3))
    stream.flush()
    assert (await next_of(stream)).text == "4000"


async def test_a_recording_is_recognised_in_pieces_with_words_on_its_own_clock(ears: SharedEars) -> None:
    recording = np.concatenate([np.concatenate([spoken(word, 4.5), spoken(0, 0.5)]) for word in range(3000, 3012)])
    heard = await ears.transcribe(recording, words=True)
    assert heard.text == " ".join(map(str, range(3000, 3012)))
    assert [word.start_s for word in heard.words] == pytest.approx([5 * i for i in range(12)], abs=0.01)
    assert heard.audio_s == recording.size / EARS_RATE_HZ


async def test_an_empty_recording_holds_no_words(ears: SharedEars) -> None:
    assert (await ears.transcribe(spoken(0, 0))).text == ""
