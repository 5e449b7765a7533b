"""Transcripts in the forms that OpenAI's clients ask for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from voicechat.asr.doubt import compression_ratio
from voicechat.asr.port import HeardWord, Transcript

SENTENCE_ENDS = (".", "!", "?", "。", "！", "？")
PAUSE_S = 1.0
LONGEST_LINE_S = 7.0
LONGEST_LINE_CHARS = 84
"""Two lines of 42 characters for 7 s at most, as subtitles are written."""
LEAST_PROBABILITY = 1e-6


class TranscriptFormat(StrEnum):
    """What a transcript can be sent as, by OpenAI's names."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    VERBOSE_JSON = "verbose_json"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch that is shown at once: a sentence, or as much of one as fits. Times are the recording's, s.

    `piece_start_s`: where the stretch that was recognised with it begins.
    """

    text: str
    start_s: float
    end_s: float
    piece_start_s: float
    avg_logprob: float
    no_speech_prob: float

    @property
    def compression_ratio(self) -> float:
        """How repetitive the text is."""
        return compression_ratio(self.text)


def segments_of(piece: Transcript, start_s: float) -> list[Segment]:
    """The segments of a piece that begins at `start_s`; its words have times of the recording."""
    made = []
    at = 0
    for words in _grouped(piece.words):
        text, at = _written(piece.text, words, at)
        made.append(
            Segment(
                text=text,
                start_s=words[0].start_s,
                end_s=words[-1].end_s,
                piece_start_s=start_s,
                avg_logprob=_mean_logprob(words),
                no_speech_prob=piece.no_speech_prob,
            )
        )
    return made


def srt(segments: Iterable[Segment]) -> str:
    """SubRip."""
    cues = (
        f"{number}\n{_clock(each.start_s, ',')} --> {_clock(each.end_s, ',')}\n{each.text}\n\n"
        for number, each in enumerate(segments, 1)
    )
    return "".join(cues)


def vtt(segments: Iterable[Segment]) -> str:
    """WebVTT."""
    cues = (f"{_clock(each.start_s, '.')} --> {_clock(each.end_s, '.')}\n{each.text}\n\n" for each in segments)
    return "WEBVTT\n\n" + "".join(cues)


def _grouped(words: Sequence[HeardWord]) -> Iterator[list[HeardWord]]:
    group: list[HeardWord] = []
    for word in words:
        if group and _is_over(group, word):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _is_over(group: Sequence[HeardWord], following: HeardWord) -> bool:
    chars = sum(len(word.text) + 1 for word in group) + len(following.text)
    return (
        group[-1].text.endswith(SENTENCE_ENDS)
        or following.start_s - group[-1].end_s >= PAUSE_S
        or following.end_s - group[0].start_s > LONGEST_LINE_S
        or chars > LONGEST_LINE_CHARS
    )


def _written(text: str, words: Sequence[HeardWord], at: int) -> tuple[str, int]:
    """The words as the transcript has them, spaces or none between them, and where they end in it."""
    start = end = None
    for word in words:
        found = text.find(word.text, at)
        if found < 0:
            return " ".join(each.text for each in words), at
        start = found if start is None else start
        end = at = found + len(word.text)
    return text[start:end], at


def _mean_logprob(words: Sequence[HeardWord]) -> float:
    return sum(math.log(max(LEAST_PROBABILITY, word.probability)) for word in words) / len(words)


def _clock(seconds: float, point: str) -> str:
    ms = max(0, round(seconds * 1000))
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
