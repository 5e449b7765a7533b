"""Going on with a reply on another worker: what was sent, what has come, and how the rest joins it.

A segment's audio depends on its text, its seed and the voice alone, so another worker makes the same again. The text is
sent anew from the first unfinished segment on, and what the listener has already is left out: up to the last whole word
by the worker (`skip_ms`), to the sample here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from voicechat.audio.pcm import ms_to_samples, samples_to_ms
from voicechat.fleet.port import (
    AudioChunk,
    SegmentFinished,
    SegmentStarted,
    SpeechDone,
    SpeechEvent,
    SpeechRequest,
    SpokenWord,
    Started,
    WordsTimed,
)

SENTENCE_PAUSE_MS = 150
"""Between sentences where the request sets none, as workers have it."""
MAX_FILL_MS = 5_000
"""Silence put in front of what does not begin where the reply broke off, at most."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What another worker is asked for.

    Attributes:
        request: The first message to it.
        pieces: The text; between two of them there was a flush.
        ended: No more text comes.
        char_start: Where `pieces` begin in the whole text, code points.
        begins_ms: Where the other's clock begins on the reply's, as far as it is known; `exact` says whether it is.
    """

    request: SpeechRequest
    pieces: tuple[str, ...]
    ended: bool
    char_start: int
    begins_ms: float
    exact: bool


class Progress:
    """How far one reply has come: text as it is sent, events as they reach the listener."""

    def __init__(self, request: SpeechRequest) -> None:
        self._request = request
        self._text = ""
        self._text_start = 0
        self._flushes: list[int] = []
        self._ended = False
        self._rate_hz = request.sample_rate_hz
        self._segment: SegmentStarted | None = None
        self._words: list[SpokenWord] = []
        self._next_index = request.first_segment
        self._pause_owed = False
        self._announced_to = 0
        self.received_samples = 0
        self.segment_has_audio = False

    # --- what is sent

    def push(self, text: str) -> None:
        """More text."""
        self._text += text

    def flush(self) -> None:
        """Speak what has been sent."""
        self._flushes.append(self._end)

    def end(self) -> None:
        """No more comes."""
        self._ended = True

    @property
    def _end(self) -> int:
        return self._text_start + len(self._text)

    # --- what has come

    def note(self, event: SpeechEvent) -> None:
        """An event of the reply, on its clock."""
        match event:
            case Started():
                self._begin(event)
            case SegmentStarted():
                self._segment, self._words, self.segment_has_audio = event, [], False
                self._announced_to = event.char_end
            case WordsTimed():
                self._words += event.words
                # The pause before a sentence comes with the sentence.
                self._pause_owed = False
            case AudioChunk():
                self.received_samples = event.offset_samples + event.pcm.size
                self.segment_has_audio = True
            case SegmentFinished():
                self._finish()

    def _begin(self, started: Started) -> None:
        self._request = replace(self._request, model_id=started.model_id, seed=started.seed)
        self._rate_hz = started.sample_rate_hz
        self.received_samples = ms_to_samples(self._request.skip_ms, self._rate_hz)

    def _finish(self) -> None:
        if self._segment is None:
            return
        self._next_index = self._segment.index + 1
        self._text = self._text[self._segment.char_end - self._text_start :]
        self._text_start = self._segment.char_end
        self._flushes = [place for place in self._flushes if place > self._text_start]
        self._pause_owed = self._pause_owed or self._segment.ends_sentence
        self._segment, self._words, self.segment_has_audio = None, [], False

    @property
    def request(self) -> SpeechRequest:
        """As it was made, with the model and the seed that the worker chose."""
        return self._request

    @property
    def rate_hz(self) -> int:
        """Of the reply's audio."""
        return self._rate_hz

    @property
    def received_ms(self) -> float:
        """How much audio has come, on the reply's clock."""
        return samples_to_ms(self.received_samples, self._rate_hz) if self._rate_hz else 0.0

    @property
    def segment(self) -> SegmentStarted | None:
        """What is being spoken."""
        return self._segment

    @property
    def segment_index(self) -> int:
        """Of the segment that is being spoken, or of the next."""
        return self._next_index if self._segment is None else self._segment.index

    @property
    def words(self) -> tuple[SpokenWord, ...]:
        """Of the segment that is being spoken."""
        return tuple(self._words)

    @property
    def is_due(self) -> bool:
        """Whether a worker certainly has something to say: a segment, or what was ended or flushed."""
        flushed_to = self._flushes[-1] if self._flushes else 0
        return self._segment is not None or self._ended or flushed_to > self._announced_to

    @property
    def is_silent_on_text(self) -> bool:
        """Whether text was sent of which no segment was announced: it may lack the end of its sentence."""
        return bool(self._text[max(0, self._announced_to - self._text_start) :].strip())

    # --- what is left

    def close_spoken_segment(self) -> SegmentFinished | None:
        """Count a segment whose last word was received whole as finished."""
        segment = self._segment
        if segment is None or not self._words or self._words[-1].end_ms > self.received_ms:
            return None
        unspoken = segment.text[self._words[-1].char_end - segment.char_start :]
        if any(char.isalnum() for char in unspoken):
            return None
        self._finish()
        return SegmentFinished(segment.index)

    @property
    def is_complete(self) -> bool:
        """Whether all there was to say has been received."""
        return self._ended and self._segment is None and not self._text.strip()

    def rest(self) -> Rest:
        """What another worker is to speak. Words and audio that were received are left out of it."""
        begins_ms, exact = self._begins_ms()
        whole = [word for word in self._words if word.end_ms <= self.received_ms]
        # Rounded down, and never behind the word: what is too much is cut off here.
        skip_ms = max(0, int(whole[-1].end_ms - begins_ms)) if whole else 0
        if exact:
            skip_ms = max(skip_ms, self._request.skip_ms)
        request = replace(self._request, first_segment=self.segment_index, skip_ms=skip_ms)
        return Rest(request, tuple(self._pieces()), self._ended, self._text_start, begins_ms, exact)

    def _begins_ms(self) -> tuple[float, bool]:
        if self.segment_index == self._request.first_segment:
            return 0.0, True
        if self._words:
            # The segment began a little before its first word: corrected as soon as the other worker times it.
            return self._words[0].start_ms, False
        return self.received_ms + self._pause_ms(), True

    def _pause_ms(self) -> int:
        if not self._pause_owed or not self.received_samples:
            return 0
        asked = self._request.sentence_silence_ms
        return SENTENCE_PAUSE_MS if asked is None else asked

    def _pieces(self) -> Iterator[str]:
        start = self._text_start
        for place in [*self._flushes, self._end]:
            yield self._text[start - self._text_start : place - self._text_start]
            start = place


class Splice:
    """Puts the events of another worker behind what was received: their times, places and audio.

    Args:
        progress: Of the reply; it must be told every event that comes out of here before the next goes in.
        rest: What the worker was asked for.
    """

    def __init__(self, progress: Progress, rest: Rest) -> None:
        self._progress = progress
        self._chars = rest.char_start
        self._begins_ms = rest.begins_ms
        self._exact = rest.exact
        self._open = progress.segment
        self._known = {word.char_start: word for word in progress.words}
        self._heard_ms = progress.received_ms

    def join(self, event: SpeechEvent) -> Iterator[SpeechEvent]:
        """What of `event` is new, as the reply's."""
        match event:
            case SegmentStarted():
                if self._open is None or event.index != self._open.index:
                    yield self._moved(event)
            case WordsTimed():
                yield from self._words(event)
            case AudioChunk():
                yield from self._audio(event)
            case SegmentFinished():
                yield event
            case SpeechDone():
                yield replace(event, audio_ms=self._progress.received_ms)

    def own_samples(self, samples: int) -> int:
        """A place of the reply on the other worker's clock."""
        return max(0, samples - self._begins_samples)

    @property
    def _begins_samples(self) -> int:
        return ms_to_samples(self._begins_ms, self._progress.rate_hz)

    def _moved(self, segment: SegmentStarted) -> SegmentStarted:
        return replace(segment, char_start=segment.char_start + self._chars, char_end=segment.char_end + self._chars)

    def _words(self, event: WordsTimed) -> Iterator[WordsTimed]:
        self._align(event)
        moved = [self._placed(word) for word in event.words]
        fresh = tuple(word for word in moved if word.char_start not in self._known)
        if fresh:
            yield WordsTimed(fresh)

    def _align(self, event: WordsTimed) -> None:
        """Learn where the other's clock begins from a word that both have timed, best from the first that is due."""
        if self._exact:
            return
        pairs = [
            (known, word)
            for word in event.words
            if (known := self._known.get(word.char_start + self._chars)) is not None
        ]
        if pairs:
            due = next((pair for pair in pairs if pair[0].end_ms > self._heard_ms), pairs[-1])
            self._begins_ms = due[0].start_ms - due[1].start_ms
        self._exact = True

    def _placed(self, word: SpokenWord) -> SpokenWord:
        return SpokenWord(
            word.text,
            word.char_start + self._chars,
            word.char_end + self._chars,
            word.start_ms + self._begins_ms,
            word.end_ms + self._begins_ms,
        )

    def _audio(self, chunk: AudioChunk) -> Iterator[AudioChunk]:
        received = self._progress.received_samples
        place = chunk.offset_samples + self._begins_samples
        pcm = chunk.pcm[max(0, received - place) :]
        if not pcm.size:
            return
        hole = min(max(0, place - received), ms_to_samples(MAX_FILL_MS, self._progress.rate_hz))
        if hole:
            pcm = np.concatenate((np.zeros(hole, np.int16), pcm))
        yield AudioChunk(pcm, received)
