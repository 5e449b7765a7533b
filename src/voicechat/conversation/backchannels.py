"""Words by which a listener says "go on", by language. Said over a reply, they take no turn."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from importlib import resources

import yaml

_MARKS = re.compile(r"[^\w\s'-]|_")
MOST_IN_A_ROW = 3
"""A person who says more of them than this wants the floor."""
LONGEST_WORDS = 3
"""Words of the longest backchannel."""


@functools.cache
def known_backchannels() -> Mapping[str, frozenset[str]]:
    """By primary language tag, as `normalised` writes them."""
    text = resources.files("voicechat.conversation").joinpath("data/backchannels.yaml").read_text("utf-8")
    return {language: frozenset(map(normalised, words)) for language, words in yaml.safe_load(text).items()}


def normalised(text: str) -> str:
    """Lower case, composed letters (NFC), without marks, one space between words."""
    folded = unicodedata.normalize("NFC", text.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    return " ".join(_MARKS.sub(" ", folded).replace("-", " ").split())


def is_backchannel(text: str, language: str) -> bool:
    """Whether all that was said is up to three backchannels. `language` is BCP 47; unknown ones have none."""
    known = known_backchannels().get(language.split("-")[0].casefold(), frozenset())
    said = normalised(text).split()
    count = 0
    while said:
        length = next((n for n in range(LONGEST_WORDS, 0, -1) if " ".join(said[:n]) in known and len(said) >= n), 0)
        if not length:
            return False
        said, count = said[length:], count + 1
    return 0 < count <= MOST_IN_A_ROW
