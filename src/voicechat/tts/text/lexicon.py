"""How an installation wants words pronounced, whatever the tables and espeak-ng think.

A word is respelled, or given in IPA. In the text a word in IPA becomes one character of a private use area, which
stands for its sound until the phonemes are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from voicechat.tts.text.traced import Rule, rule

ANY_LANGUAGE = "all"

_FIRST_STAND_IN = 0xF0000
_MAX_ENTRIES = 0xFFFD


@dataclass(frozen=True, slots=True)
class Entry:
    """One word, or several, and its sound: `say` in letters or `ipa`. `exact`: only as it is written."""

    written: str
    say: str = ""
    ipa: str = ""
    exact: bool = False


class Phonemizer(Protocol):
    """Text to phonemes, as characters; sentences within it are joined by a space."""

    def __call__(self, text: str) -> str:
        """IPA with the punctuation that the voice was trained with; empty when nothing can be said."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The entries of one language: `rules` for its text, `sounds` for the characters that they leave in it."""

    rules: tuple[Rule, ...] = ()
    sounds: Mapping[str, str] | None = None

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Lexicon:
        """Of two entries for the same word, the later one counts."""
        if not entries:
            return cls()
        sounds = {chr(_FIRST_STAND_IN + at): entry.ipa for at, entry in enumerate(entries[:_MAX_ENTRIES]) if entry.ipa}
        stand_ins = {ipa: char for char, ipa in sounds.items()}
        said = {entry: stand_ins.get(entry.ipa) or entry.say for entry in entries}
        exact = {entry.written: said[entry] for entry in entries if entry.exact}
        anyhow = {entry.written.lower(): said[entry] for entry in entries if not entry.exact}
        return cls((_lookup(exact, anyhow),), sounds)

    def phonemizer(self, phonemize: Phonemizer) -> Phonemizer:
        """`phonemize`, for text that these rules have been applied to."""
        return _WithSounds(phonemize, self.sounds) if self.sounds else phonemize


def _lookup(exact: Mapping[str, str], anyhow: Mapping[str, str]) -> Rule:
    """Longer entries are looked for first; nothing is found inside a word or an address."""

    def alternatives(words: Iterable[str]) -> str:
        ordered = sorted(words, key=len, reverse=True)
        return "|".join(r"\s+".join(map(re.escape, word.split())) for word in ordered) or "(?!)"

    def say(match: re.Match[str]) -> str | None:
        written = " ".join(match.group().split())
        return exact.get(written) or anyhow.get(written.lower())

    words = f"{alternatives(exact)}|(?i:{alternatives(anyhow)})"
    return rule(rf"(?<![\w@.])(?:{words})(?![\w@]|\.\w|://)", say)


class _WithSounds:
    """Has a word of no language said in the place of each word in IPA, and puts the IPA where it is heard.

    That keeps the sentence whole: what stands around the word is said as it would be around any other.
    """

    _WORD = "Zikzaloo"

    def __init__(self, phonemize: Phonemizer, sounds: Mapping[str, str]) -> None:
        self._phonemize = phonemize
        self._sounds = sounds
        self._chars = re.compile(f"([{''.join(sounds)}])")
        plain = re.sub("[ˈˌ ]", "", phonemize(self._WORD))
        self._heard = re.compile("[ˈˌ]*" + "[ˈˌ ]*".join(map(re.escape, plain)))

    def __call__(self, text: str) -> str:
        chars = self._chars.findall(text)
        if not chars:
            return self._phonemize(text)
        whole = self._phonemize(self._chars.sub(self._WORD, text))
        said = iter(chars)
        if len(self._heard.findall(whole)) == len(chars):
            return self._heard.sub(lambda _match: self._sounds[next(said)], whole)
        return "".join(self._piece(piece) for piece in self._chars.split(text))

    def _piece(self, text: str) -> str:
        if text in self._sounds:
            return self._sounds[text]
        before, behind = text[:1].isspace(), text[-1:].isspace()
        return f"{' ' * before}{self._phonemize(text)}{' ' * behind}"
