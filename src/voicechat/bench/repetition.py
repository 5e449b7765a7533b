"""Whether a recogniser repeated itself, judged by the words that were said and the time they took.

It knows nothing of how the ears tell repetition: it holds what was heard against what was said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from voicechat.bench.wer import spoken_words

Phrase = tuple[str, ...]

LONGEST_PHRASE = 12
"""Words of the longest phrase that is looked for."""
IN_A_ROW = 3
"""So many times in a row, and more often than it was said, a phrase is a loop."""
PHRASE_OF_SOME_LENGTH = 4
OFTENER_BY = 2
WORDS_PER_SECOND, WORDS_AT_LEAST = 6, 4
"""Nobody says more: fast speech is 5 words a second."""


def is_repetition(said: str, heard: str, seconds: float) -> bool:
    """Whether `heard` repeats a phrase oftener than `said` does, or holds more words than `seconds` have room for."""
    reference, words = spoken_words(said).split(), spoken_words(heard).split()
    most = max(len(reference), WORDS_AT_LEAST + WORDS_PER_SECOND * seconds)
    return len(words) > most or _in_a_row(reference, words) or _oftener(reference, words)


def runs(words: Sequence[str], length: int) -> Counter[Phrase]:
    """How many times in a row, at most, each phrase of `length` words stands in `words`."""
    found: Counter[Phrase] = Counter()
    for start in range(len(words) - length + 1):
        phrase, end = tuple(words[start : start + length]), start + length
        while tuple(words[end : end + length]) == phrase:
            end += length
        found[phrase] = max(found[phrase], (end - start) // length)
    return found


def _in_a_row(reference: Sequence[str], words: Sequence[str]) -> bool:
    both = ((runs(reference, length), runs(words, length)) for length in range(1, LONGEST_PHRASE + 1))
    return any(count >= IN_A_ROW and count > said[phrase] for said, heard in both for phrase, count in heard.items())


def _oftener(reference: Sequence[str], words: Sequence[str]) -> bool:
    """A phrase of some length comes back, with others between, and what was heard is longer for it."""
    if len(words) < len(reference) + PHRASE_OF_SOME_LENGTH:
        return False
    said, heard = _phrases(reference), _phrases(words)
    return any(count >= said[phrase] + OFTENER_BY and count > 2 for phrase, count in heard.items())


def _phrases(words: Sequence[str]) -> Counter[Phrase]:
    starts = range(len(words) - PHRASE_OF_SOME_LENGTH + 1)
    return Counter(tuple(words[start : start + PHRASE_OF_SOME_LENGTH]) for start in starts)
