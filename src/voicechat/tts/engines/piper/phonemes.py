"""Text to phonemes by espeak-ng, with every written word traced to its phonemes.

espeak joins words as it speaks them ("of the" is one word, "1999" is four), so words are found by aligning the phonemes
of the sentence with those of each word alone.
"""

from __future__ import annotations

import itertools
import threading
import unicodedata
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Protocol

from voicechat.tts.speakable import Range, TracedText, speakable
from voicechat.tts.text.lexicon_file import Pronunciations

_IGNORED = frozenset(" ˈˌː.,:;?!-\u200d")


class Phonemizer(Protocol):
    """Text to phonemes, as characters; sentences within it are joined by a space."""

    def speakable(self, text: str) -> TracedText:
        """What of written `text` is to be said, in the words of its language."""

    def __call__(self, text: str) -> str:
        """IPA of speakable `text` with the punctuation that the voice was trained with; empty when nothing is said."""


@dataclass(frozen=True, slots=True)
class PhonemeWord:
    """Phonemes [start, end) say the written code points `written`."""

    written: Range
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PhonemeText:
    """What a segment sounds like, and which of it is which word."""

    phonemes: str
    words: tuple[PhonemeWord, ...]


_ESPEAK_LOCK = threading.Lock()
"""espeak-ng has one voice and one state for the whole process."""


class EspeakPhonemes:
    """The phonemes of one espeak voice. Words alone are remembered: they repeat.

    Args:
        espeak_voice: Its name, which tells the language too.
        clusters: Vowels that the model was trained on as one.
        pronunciations: What the installation wants to be said otherwise.
    """

    def __init__(
        self,
        espeak_voice: str,
        clusters: set[tuple[str, ...]] | None = None,
        pronunciations: Pronunciations | None = None,
    ) -> None:
        from piper.phonemize_espeak import EspeakPhonemizer

        with _ESPEAK_LOCK:
            self._espeak = EspeakPhonemizer()
        self._voice = espeak_voice
        self._clusters = clusters
        lexicon = (pronunciations or Pronunciations()).for_language(espeak_voice)
        self._rules = lexicon.rules
        self._say = lexicon.phonemizer(self._phonemize)
        self._remembered = lru_cache(maxsize=8192)(self._say)

    def speakable(self, text: str) -> TracedText:
        """In the language of the voice, with the words of the lexicon."""
        return speakable(text, self._voice, self._rules)

    def __call__(self, text: str) -> str:
        """Phonemes of `text`."""
        return self._remembered(text) if len(text) <= 32 else self._say(text)

    def _phonemize(self, text: str) -> str:
        with _ESPEAK_LOCK:
            sentences = self._espeak.phonemize(self._voice, text, vowel_clusters=self._clusters)
        return " ".join("".join(sentence) for sentence in sentences).strip()


class LetterPhonemes:
    """For voices that were trained on letters; no language's tables are applied."""

    def speakable(self, text: str) -> TracedText:
        """Without markup and signs."""
        return speakable(text, "")

    def __call__(self, text: str) -> str:
        """The letters of `text`, decomposed."""
        return unicodedata.normalize("NFD", text.strip())


def phonemes_of(text: str, phonemize: Phonemizer) -> PhonemeText:
    """Phonemes of written `text` and the words in them, in order and without overlap."""
    traced = phonemize.speakable(text)
    whole = phonemize(traced.text)
    if not any(char.isalpha() for char in whole):
        return PhonemeText("", ())
    alone = [(written, phonemize(word)) for word, written in traced.words()]
    spoken = [(written, sound) for written, sound in alone if any(char not in _IGNORED for char in sound)]
    bounds = _boundaries(whole, [sound for _, sound in spoken])
    words = (
        PhonemeWord(written, start, end)
        for (written, _), (start, end) in zip(spoken, itertools.pairwise(bounds), strict=True)
    )
    return PhonemeText(whole, tuple(_trimmed(whole, word) for word in words if word.end > word.start))


def _trimmed(whole: str, word: PhonemeWord) -> PhonemeWord:
    """Without the spaces and punctuation around it, as long as something is left."""
    start, end = word.start, word.end
    while end - start > 1 and whole[end - 1] in " .,:;?!":
        end -= 1
    while end - start > 1 and whole[start] == " ":
        start += 1
    return PhonemeWord(word.written, start, end)


def _boundaries(whole: str, sounds: Sequence[str]) -> list[int]:
    """Where in `whole` each of `sounds` begins, and the end of the last: `len(sounds) + 1` places that never fall."""
    places = [at for at, char in enumerate(whole) if char not in _IGNORED]
    alone = [char for sound in sounds for char in sound if char not in _IGNORED]
    if not sounds:
        return [0]
    ends = list(itertools.accumulate(sum(char not in _IGNORED for char in sound) for sound in sounds))
    aligned = _Alignment(alone, [whole[at] for at in places])
    bounds = [0]
    for end in ends[:-1]:
        bounds.append(_begin(whole, places, aligned.across(end), aligned.certain(end), after=bounds[-1]))
    return [*bounds, len(whole)]


def _begin(whole: str, places: Sequence[int], near: int, certain: bool, after: int) -> int:
    """Where the word at sound `near` begins: there if that is certain, else at a space nearby; never before `after`."""
    near = min(len(places) - 1, max(0, near))
    for candidate in () if certain else (near, near - 1, near + 1):
        if 0 < candidate < len(places) and " " in whole[places[candidate - 1] : places[candidate]]:
            begin = whole.rindex(" ", 0, places[candidate]) + 1
            if begin > after:
                return begin
    return max(after, _with_stress(whole, places[near]))


def _with_stress(whole: str, at: int) -> int:
    while at and whole[at - 1] in "ˈˌ":
        at -= 1
    return at


class _Alignment:
    """Maps places in one sequence to places in another by what they share, and in proportion between."""

    def __init__(self, source: Sequence[str], target: Sequence[str]) -> None:
        blocks = SequenceMatcher(None, source, target, autojunk=False).get_matching_blocks()
        self._match = {block.a + at: block.b + at for block in blocks for at in range(block.size)}
        ends = {at + 1: place + 1 for at, place in self._match.items()}
        anchors = {0: 0, **self._match, **ends, len(source): len(target)}
        self._sources = sorted(anchors)
        self._targets = [anchors[at] for at in self._sources]

    def certain(self, at: int) -> bool:
        """Whether what stands on both sides of `at` in the source stands together in the target."""
        before, behind = self._match.get(at - 1), self._match.get(at)
        return before is not None and behind == before + 1

    def across(self, at: int) -> int:
        """The place in the target that `at` corresponds to."""
        right = bisect_left(self._sources, at)
        if self._sources[right] == at:
            return self._targets[right]
        a0, a1 = self._sources[right - 1 : right + 1]
        b0, b1 = self._targets[right - 1 : right + 1]
        return round(b0 + (b1 - b0) * (at - a0) / (a1 - a0))


@dataclass(frozen=True, slots=True)
class PhonemeIds:
    """What the graph is given: ids, and for phoneme i the range [`places[i]`, `places[i + 1]`) of them."""

    ids: tuple[int, ...]
    places: tuple[int, ...]


def to_ids(phonemes: str, id_map: Mapping[str, Sequence[int]]) -> PhonemeIds:
    """Ids as Piper's training made them: begin, then each phoneme followed by padding, then end.

    Phonemes the voice does not know are left out, as piper-tts does.
    """
    pad = tuple(id_map.get("_", ()))
    ids = [*id_map.get("^", ()), *pad]
    places = []
    for phoneme in phonemes:
        places.append(len(ids))
        if phoneme in id_map:
            ids += (*id_map[phoneme], *pad)
    places.append(len(ids))
    return PhonemeIds((*ids, *id_map.get("$", ())), tuple(places))
