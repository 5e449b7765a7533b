from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from support.fake_workers import RATE_HZ, FakeWorkers, Fate, audio_of, done_of
from support.virtual_time import run

from voicechat.fleet.failover import FleetSpeechStream
from voicechat.fleet.metrics import FleetMetrics
from voicechat.fleet.port import (
    AudioChunk,
    Pace,
    SegmentFinished,
    SegmentStarted,
    SpeechEvent,
    SpeechRequest,
    SpokenWord,
    Started,
    VoiceError,
    WordsTimed,
)

TEXT = (
    "Well then, let us begin with a clause. The second sentence, as it happens, has one too! "
    "Is there a third? There is, and it is the last."
)


def request(**options: Any) -> SpeechRequest:
    given: dict[str, Any] = {"seed": 7, "sample_rate_hz": RATE_HZ, "pace": Pace.BULK}
    return SpeechRequest(**(given | options))


def stream_on(workers: FakeWorkers, asked: SpeechRequest, registry: CollectorRegistry | None = None) -> Any:
    with FleetMetrics(registry or CollectorRegistry()).reply(asked.model_id) as watch:
        return FleetSpeechStream(workers, asked, asyncio.get_running_loop().time, watch)


async def spoken(
    workers: FakeWorkers, pieces: Sequence[str | None], asked: SpeechRequest, registry: CollectorRegistry | None = None
) -> list[SpeechEvent]:
    """The events of a reply whose text comes in pieces; None is a flush."""
    stream = stream_on(workers, asked, registry)
    await stream.begin()
    for piece in pieces:
        await (stream.flush() if piece is None else stream.push_text(piece))
    await stream.end()
    try:
        return [event async for event in stream]
    finally:
        stream.close()


def words_of(events: Sequence[SpeechEvent]) -> list[SpokenWord]:
    return [word for event in events if isinstance(event, WordsTimed) for word in event.words]


def of_kind(events: Sequence[SpeechEvent], *kinds: type) -> list[SpeechEvent]:
    return [event for event in events if isinstance(event, kinds)]


def segments_of(events: Sequence[SpeechEvent]) -> list[SegmentStarted]:
    """Those with something to say, each of which must have been closed; nobody is asked for blanks that are left."""
    started = [event for event in events if isinstance(event, SegmentStarted)]
    finished = [event.index for event in events if isinstance(event, SegmentFinished)]
    assert [segment.index for segment in started] == finished == list(range(len(started)))
    return [segment for segment in started if segment.text.strip()]


def reference(pieces: Sequence[str | None], asked: SpeechRequest) -> list[SpeechEvent]:
    return run(spoken(FakeWorkers(), pieces, asked))


@st.composite
def texts(draw: st.DrawFn) -> list[str | None]:
    words = st.sampled_from(["one", "seven", "considerable", "a", "café", "😀", "words", "so"])
    marks = st.sampled_from(["", "", "", ",", ".", "!", "?", ";", "。", "\n\n- "])
    said = "".join(f"{word}{mark} " for word, mark in draw(st.lists(st.tuples(words, marks), min_size=1, max_size=40)))
    cuts = sorted(draw(st.lists(st.integers(0, len(said)), max_size=5)))
    pieces: list[str | None] = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    if draw(st.booleans()):
        pieces.insert(draw(st.integers(0, len(pieces))), None)
    return pieces


@settings(deadline=None, max_examples=40)
@given(texts(), st.integers(0, 60), st.booleans())
def test_wherever_a_worker_dies_the_listener_gets_the_same_segments_words_and_times(
    pieces: list[str | None], events_before: int, freezes: bool
) -> None:
    whole = reference(pieces, request())
    workers = FakeWorkers([Fate(events_before, freezes=freezes)])
    got = run(spoken(workers, pieces, request()))

    said = "".join(piece or "" for piece in pieces)
    assert segments_of(got) == segments_of(whole)
    assert [(w.text, w.char_start, w.char_end) for w in words_of(got)] == [
        (w.text, w.char_start, w.char_end) for w in words_of(whole)
    ]
    assert all(said[word.char_start : word.char_end] == word.text for word in words_of(got))
    done_of(got)
    # A segment that was cut behind its last word loses the silence after it, and filters a few ms.
    assert [w.start_ms for w in words_of(got)] == pytest.approx([w.start_ms for w in words_of(whole)], abs=15)
    heard, expected = audio_of(got), audio_of(whole)
    assert heard.size == pytest.approx(expected.size, abs=RATE_HZ * 0.015)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 120))
def test_within_a_segment_the_audio_goes_on_at_the_very_sample(events_before: int) -> None:
    text = "one considerable sentence of eleven words goes on and on without stop"
    whole = audio_of(reference([text], request()))
    heard = audio_of(run(spoken(FakeWorkers([Fate(events_before)]), [text], request())))

    assert np.array_equal(heard[: whole.size], whole[: heard.size])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_each_segment_may_be_asked_of_another_worker_once(deaths: list[int]) -> None:
    whole = reference([TEXT], request())
    workers = FakeWorkers([Fate(death) for death in deaths])
    try:
        got = run(spoken(workers, [TEXT], request()))
    except VoiceError:
        asked_again = [attempt.request.first_segment for attempt in workers.attempts[1:]]
        assert len(asked_again) == len(set(asked_again))
        return
    assert [word.text for word in words_of(got)] == [word.text for word in words_of(whole)]


def test_the_other_worker_is_told_seed_model_and_what_to_skip() -> None:
    workers = FakeWorkers([Fate(14)])
    run(spoken(workers, [TEXT], request(seed=None)))
    first, second = workers.attempts

    assert second.request.seed is not None and second.request.model_id == "tone"
    assert second.request.first_segment == 0 and second.request.skip_ms > 0
    assert first.failed is True and second.failed is False
    assert "".join(second.sent) == TEXT


def test_only_text_that_was_not_spoken_is_sent_again() -> None:
    workers = FakeWorkers([Fate(40)])
    run(spoken(workers, [TEXT], request()))
    again = workers.attempts[1]

    assert again.request.first_segment > 0
    assert TEXT.endswith("".join(again.sent)) and len("".join(again.sent)) < len(TEXT)


def test_text_that_comes_later_goes_to_the_worker_that_took_over() -> None:
    async def main() -> tuple[FakeWorkers, list[SpeechEvent]]:
        workers = FakeWorkers([Fate(6)])
        stream = stream_on(workers, request())
        await stream.begin()
        await stream.push_text("One two three. Four ")
        events = []
        async for event in stream:
            events.append(event)
            if len(workers.attempts) == 2 and len(events) < 100 and not stream._progress._ended:
                await stream.push_text("five six.")
                await stream.end()
        stream.close()
        return workers, events

    workers, events = run(main())
    assert [word.text for word in words_of(events)] == ["One", "two", "three", "Four", "five", "six"]
    assert workers.attempts[1].sent[-1] == "five six."


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"])
def test_what_is_wrong_with_the_request_is_told_and_not_asked_again(code: str) -> None:
    workers = FakeWorkers([Fate(refuses=VoiceError(code, "no"))])
    with pytest.raises(VoiceError, match="no"):
        run(spoken(workers, [TEXT], request()))
    assert not workers.attempts


def test_without_another_worker_the_callers_error_is_that_of_the_one_that_died() -> None:
    workers = FakeWorkers([Fate(8), Fate(refuses=VoiceError("RESOURCE_EXHAUSTED", "busy"))])
    with pytest.raises(VoiceError, match="died"):
        run(spoken(workers, [TEXT], request()))


def test_a_reply_that_was_stopped_ends_even_if_its_worker_is_gone() -> None:
    async def main() -> list[SpeechEvent]:
        workers = FakeWorkers([Fate(6)])
        stream = stream_on(workers, request())
        await stream.begin()
        await stream.push_text(TEXT)
        events = []
        async for event in stream:
            events.append(event)
            if len(events) == 6:
                await stream.stop()
        assert len(workers.attempts) == 1
        return events

    assert done_of(run(main())).stopped


def listened(
    fate: Fate, *, others: bool = True, room: bool = True, reports: bool = True
) -> tuple[FakeWorkers, float, list[float]]:
    """A listener plays a REALTIME reply; gives the workers, and when each audio came on the listener's clock."""

    async def main() -> tuple[FakeWorkers, float, list[float]]:
        workers = FakeWorkers([fate], others=others, room=room)
        stream = stream_on(workers, request(pace=Pace.REALTIME))
        loop = asyncio.get_running_loop()
        await stream.begin()
        await stream.push_text(TEXT)
        await stream.end()
        began: list[float] = []

        async def report() -> None:
            while reports:
                await asyncio.sleep(0.1)
                if began:
                    await stream.played(int((loop.time() - began[0]) * RATE_HZ))

        reporting = asyncio.ensure_future(report())
        dry_s = 0.0
        times = []
        received = 0
        async for event in stream:
            if isinstance(event, AudioChunk):
                began = began or [loop.time()]
                dry_s = max(dry_s, loop.time() - began[0] - received / RATE_HZ)
                received += event.pcm.size
                times.append(loop.time())
        reporting.cancel()
        stream.close()
        return workers, dry_s, times

    return run(main())


@pytest.mark.parametrize("reports", [True, False])
def test_a_frozen_worker_is_left_before_its_listener_has_heard_all(reports: bool) -> None:
    workers, dry_s, _ = listened(Fate(30, freezes=True), reports=reports)

    assert len(workers.attempts) == 2
    # 2 s were in hand: it was noticed while 300 ms of them were left.
    assert dry_s <= 0.05


def test_a_worker_that_dies_is_replaced_without_the_listener_hearing_it() -> None:
    workers, dry_s, _ = listened(Fate(30))
    assert len(workers.attempts) == 2 and dry_s == 0


def test_a_slow_worker_is_kept_while_there_is_no_other() -> None:
    workers, dry_s, _ = listened(Fate(30, slow_s=2.0), others=False)
    assert len(workers.attempts) == 1 and dry_s > 0


def test_a_slow_worker_is_kept_while_the_others_are_full() -> None:
    workers, dry_s, _ = listened(Fate(30, slow_s=2.0), room=False)
    assert len(workers.attempts) == 1 and dry_s > 0


def test_a_frozen_worker_is_left_even_for_those_that_are_full() -> None:
    workers, dry_s, _ = listened(Fate(30, freezes=True), room=False)
    # 300 ms were in hand when it was asked for a sign of life, for which it had 1 s.
    assert len(workers.attempts) == 2 and dry_s <= 0.8


def test_a_frozen_worker_without_another_ends_the_reply_with_an_error_and_not_never() -> None:
    with pytest.raises(VoiceError, match="fell silent"):
        listened(Fate(30, freezes=True), others=False)


def test_a_worker_that_waits_for_the_end_of_a_sentence_is_left_alone() -> None:
    async def main() -> int:
        workers = FakeWorkers()
        stream = stream_on(workers, request(pace=Pace.REALTIME))
        await stream.begin()
        await stream.push_text("This has no")
        reading = asyncio.ensure_future(_all(stream))
        await asyncio.sleep(5)
        await stream.push_text(" end yet.")
        await stream.end()
        await reading
        return len(workers.attempts)

    assert run(main()) == 1


def test_a_worker_that_freezes_while_text_is_written_is_noticed() -> None:
    async def main() -> tuple[FakeWorkers, list[SpeechEvent]]:
        workers = FakeWorkers([Fate(1, freezes=True)])
        stream = stream_on(workers, request(pace=Pace.REALTIME))
        await stream.begin()
        reading = asyncio.ensure_future(_all(stream))
        for word in ("A ", "frozen ", "worker ", "hears ", "nothing ", "of ", "this. "):
            await stream.push_text(word)
            await asyncio.sleep(0.1)
        await stream.end()
        return workers, await reading

    workers, events = run(main())
    assert len(workers.attempts) == 2
    assert [word.text for word in words_of(events)] == ["A", "frozen", "worker", "hears", "nothing", "of", "this"]


def test_a_pause_is_no_silence_and_holds_on_another_worker_too() -> None:
    async def main() -> tuple[int, int, int]:
        workers = FakeWorkers([Fate(20)])
        stream = stream_on(workers, request(pace=Pace.REALTIME))
        await stream.begin()
        await stream.push_text(TEXT)
        await stream.end()
        events: list[SpeechEvent] = []
        reading = asyncio.ensure_future(_all(stream, events.append))
        await stream.pause()
        await asyncio.sleep(3)
        held = audio_of(events).size
        await stream.resume()
        await reading
        return len(workers.attempts), held, audio_of(events).size

    attempts, held, heard = run(main())
    assert attempts == 2 and held < heard


async def _all(stream: Any, keep: Callable[[SpeechEvent], None] = lambda _: None) -> list[SpeechEvent]:
    events = []
    async for event in stream:
        keep(event)
        events.append(event)
    return events


def test_reports_of_what_was_heard_are_told_on_the_other_workers_clock() -> None:
    async def main() -> tuple[FakeWorkers, list[SpeechEvent], int]:
        workers = FakeWorkers([Fate(40)])
        stream = stream_on(workers, request())
        await stream.begin()
        await stream.push_text(TEXT)
        await stream.end()
        events: list[SpeechEvent] = []
        async for event in stream:
            events.append(event)
            if len(workers.attempts) == 2 and isinstance(event, AudioChunk):
                await stream.played(event.offset_samples)
                break
        chunk = events[-1]
        assert isinstance(chunk, AudioChunk)
        return workers, events, chunk.offset_samples

    workers, _, place = run(main())
    told = workers.attempts[1].played_samples[-1]
    assert 0 <= told < place


def test_failovers_are_counted_by_reason_and_first_audio_once() -> None:
    registry = CollectorRegistry()
    run(spoken(FakeWorkers([Fate(14)]), [TEXT], request(), registry))

    assert registry.get_sample_value("voicechat_worker_failovers_total", {"reason": "unavailable"}) == 1
    assert registry.get_sample_value("synthesis_latency_seconds_count", {"model": "custom"}) == 1


def test_a_reply_starts_once_whoever_speaks_it() -> None:
    events = run(spoken(FakeWorkers([Fate(14)]), [TEXT], request()))
    assert len(of_kind(events, Started)) == 1
