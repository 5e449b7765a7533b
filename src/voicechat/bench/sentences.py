"""Sentences of every length from 1 to 60 words, the same ones every time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

MAX_WORDS = 60
_SKEW = 2.0
"""Short sentences are the more frequent: lengths grow with this power of the position."""

_PATTERN = ("the", "adjectives", "noun", "adverbs", "verbs", "a", "noun", "links", "the", "adjectives", "noun", "joins")
_COMMA_BEFORE_JOIN = 0.6
_NUMBER_FOR_ADJECTIVE = 0.08
_ENDS = ".....?!"


def varied_sentences(count: int, seed: int = 1) -> list[str]:
    """`count` sentences; the first has one word, the last `MAX_WORDS`."""
    rng = random.Random(seed)
    return [_sentence(_length(index, count), rng) for index in range(count)]


def _length(index: int, count: int) -> int:
    at = index / (count - 1) if count > 1 else 0.0
    longer: float = (MAX_WORDS - 1) * at**_SKEW
    return 1 + round(longer)


def _sentence(words: int, rng: random.Random) -> str:
    source = _words(rng) if words > 1 else iter([rng.choice(_kinds()["nouns"])])
    chosen = [next(source) for _ in range(words)]
    text = " ".join(chosen).rstrip(",")
    return text[0].upper() + text[1:] + rng.choice(_ENDS)


def _words(rng: random.Random) -> Iterator[str]:
    """Words without end; a comma belongs to the word before it."""
    kinds = _kinds()
    while True:
        comma = rng.random() < _COMMA_BEFORE_JOIN
        nouns = iter(rng.sample(kinds["nouns"], 3))
        for at, part in enumerate(_PATTERN):
            match part:
                case "noun":
                    word = next(nouns)
                    yield word + "," if comma and at == len(_PATTERN) - 2 else word
                case "adjectives" if rng.random() < _NUMBER_FOR_ADJECTIVE:
                    yield str(rng.randrange(2, 2000))
                case kind if kind in kinds:
                    yield rng.choice(kinds[kind])
                case word:
                    yield word


@cache
def _kinds() -> dict[str, list[str]]:
    lines = files("voicechat.bench.data").joinpath("words.txt").read_text("utf-8").splitlines()
    return {title.removeprefix("# "): words.split() for title, words in zip(lines[::2], lines[1::2], strict=True)}
