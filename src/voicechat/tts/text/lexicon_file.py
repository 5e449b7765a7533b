"""The lexicon that operators write: YAML, checked line by line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from voicechat.tts.engine import EngineError
from voicechat.tts.text.lexicon import ANY_LANGUAGE, Entry, Lexicon

_FIELDS = ("say", "ipa", "case")
_CASES = ("any", "exact")
_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_MAX_WORDS = 20_000
_USUAL = str.maketrans(
    {"g": "ɡ", "'": "ˈ", "’": "ˈ", ":": "ː", "ɝ": "ɜː", "ʧ": "tʃ", "ʤ": "dʒ", "ʦ": "ts", "ʣ": "dz", "͡": "", "͜": ""}
)
_IPA = frozenset(
    " abcdefhijklmnopqrstuvwxyzæçðøħŋœǀǁǂǃɐɑɒɓɔɕɖɗɘəɚɛɜɞɟɠɡɢɣɤɥɦɧɨɪɫɬɭɮɯɰɱɲɳɴɵɶɸɹɺɻɽɾʀʁʂʃʄʈʉʊʋʌʍʎʏʐʑʒʔʕʘʙʛʜʝʟʡʢʲ"
    "βθχᵻⱱˈˌːˑ˞ˤ\u0327\u0329\u032a\u032f\u033a\u033b\u0303"
)
"""What Piper voices that are trained on espeak-ng's phonemes know."""


class LexiconError(EngineError):
    """A lexicon that cannot be used; the text names file, line and key."""


@dataclass(frozen=True, slots=True)
class Pronunciations:
    """The entries of every language."""

    entries: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)

    def for_language(self, tag: str) -> Lexicon:
        """Entries for all languages, then the language's ("en"), then the region's ("en-us"): the last one counts."""
        parts = tag.lower().replace("_", "-").split("-")
        tags = [ANY_LANGUAGE, *("-".join(parts[: at + 1]) for at in range(len(parts)))]
        found = {(entry.written, entry.exact): entry for name in tags for entry in self.entries.get(name, ())}
        return Lexicon.of(tuple(found.values()))


def read_pronunciations(path: Path | None) -> Pronunciations:
    """The lexicon at `path`; an empty one for None. Raises `LexiconError`."""
    if path is None:
        return Pronunciations()
    try:
        return parse_pronunciations(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise LexiconError(
            f"the lexicon {path} cannot be read ({error}); correct worker.lexicon or the file"
        ) from error


def parse_pronunciations(text: str, name: str = "lexicon") -> Pronunciations:
    """The lexicon in `text`, called `name` in errors. Raises `LexiconError`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise LexiconError(f"{name}{line}: not YAML ({getattr(error, 'problem', error)})") from error
    reader = _Reader(name)
    entries = {tag: tuple(reader.words(node)) for tag, node in reader.languages(root)} if root is not None else {}
    if (count := sum(map(len, entries.values()))) > _MAX_WORDS:
        raise LexiconError(f"{name}: {count} words; at most {_MAX_WORDS} are taken")
    return Pronunciations(entries)


@dataclass(frozen=True, slots=True)
class _Reader:
    name: str

    def error(self, node: yaml.Node, text: str) -> LexiconError:
        return LexiconError(f"{self.name}, line {node.start_mark.line + 1}: {text}")

    def languages(self, root: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
        for key, node in self._pairs(root, "languages, as in {en: {nginx: engine x}}"):
            tag = key.value.lower().replace("_", "-")
            if tag != ANY_LANGUAGE and not _TAG.fullmatch(tag):
                raise self.error(key, f"{key.value!r} is no language; write one such as en, en-us or de, or all")
            yield tag, node

    def words(self, node: yaml.Node) -> Iterator[Entry]:
        for key, value in self._pairs(node, "words, as in {nginx: engine x}"):
            if not any(char.isalnum() for char in key.value):
                raise self.error(key, f"the word {key.value!r} has no letter or digit")
            yield self._entry(key, value)

    def _pairs(self, node: yaml.Node, what: str) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, f"here must be a mapping of {what}")
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, "a key must be plain text")
            if key.value in seen:
                raise self.error(key, f"{key.value!r} stands here twice; keep one")
            seen.add(key.value)
            yield key, value

    def _entry(self, word: yaml.ScalarNode, node: yaml.Node) -> Entry:
        given = self._fields(word, node)
        case, say, ipa = given.get("case"), given.get("say"), given.get("ipa")
        if case is not None and case.value not in _CASES:
            raise self.error(
                case, f"case of {word.value!r} is {case.value!r}; allowed are {_listed(case.value, _CASES)}"
            )
        if (say is None) == (ipa is None):
            raise self.error(word, f"{word.value!r} needs either say (letters) or ipa")
        exact = case.value == "exact" if case is not None else word.value != word.value.lower()
        if ipa is not None:
            return Entry(word.value, ipa=self._ipa(word.value, ipa), exact=exact)
        assert say is not None
        if not any(char.isalnum() for char in say.value):
            raise self.error(say, f"{word.value!r} is said as {say.value!r}, which has no letter or digit")
        return Entry(word.value, say=say.value.strip(), exact=exact)

    def _fields(self, word: yaml.ScalarNode, node: yaml.Node) -> dict[str, yaml.ScalarNode]:
        if isinstance(node, yaml.ScalarNode):
            return {"ipa" if node.value.strip().startswith("[[") else "say": node}
        given: dict[str, yaml.ScalarNode] = {}
        for key, value in self._pairs(node, f"{', '.join(_FIELDS)} for {word.value!r}"):
            if key.value not in _FIELDS:
                raise self.error(
                    key, f"{word.value!r} has an unknown key {key.value!r}; allowed are {_listed(key.value, _FIELDS)}"
                )
            if not isinstance(value, yaml.ScalarNode):
                raise self.error(value, f"{key.value} of {word.value!r} must be plain text")
            given[key.value] = value
        return given

    def _ipa(self, word: str, node: yaml.ScalarNode) -> str:
        ipa: str = node.value.strip().removeprefix("[[").removesuffix("]]").strip(" /").translate(_USUAL)
        for char in ipa:
            if char not in _IPA:
                raise self.error(
                    node,
                    f"the IPA of {word!r} has {char!r} (U+{ord(char):04X}), which no voice knows; "
                    "write it with the symbols of docs/guides/pronunciation.md",
                )
        if not any(char.isalpha() for char in ipa):
            raise self.error(node, f"the IPA of {word!r} is empty")
        return ipa


def _listed(wrong: str, allowed: Collection[str]) -> str:
    nearest = difflib.get_close_matches(wrong, allowed, n=1)
    return ", ".join(allowed) + (f"; did you mean {nearest[0]}?" if nearest else "")
