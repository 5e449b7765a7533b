"""Addresses: URLs, domains, e-mail, IP and versions."""

from __future__ import annotations

import re

from voicechat.tts.text.language import Language
from voicechat.tts.text.traced import Rule, rule

_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.)+[A-Za-z]{2,18}"
_URL = rf"(?:https?://|ftp://|www\.)[^\s<>\"“”]+|(?<![\w@.]){_DOMAIN}/[^\s<>\"“”]*"
_EMAIL = rf"(?:mailto:)?[A-Za-z0-9](?:[\w.+%-]{{0,63}})@{_DOMAIN}"
_TOP = (
    "com|org|net|edu|gov|mil|int|io|ai|co|dev|app|info|biz|me|tv|eu|uk|us|ca|au|nz|ie|de|at|ch|fr|be|es|mx|ar|it|nl|pl"
)
_BARE_DOMAIN = rf"(?<![\w@.-])(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+(?:{_TOP})(?![\w-])(?!\.\w)"
_NUMBERED = r"(?<![\w.])v?\d{1,3}(?:\.\d{1,3}){2,3}(?![\w.]*\d)"
_TRAILING = ".,;:!?)]}'’»"
_MARK = re.compile(r"[./@:_\-+?&=#%~]+")


def web_rules(language: Language) -> tuple[Rule, ...]:
    """Rules that make every address one word, said mark by mark."""
    if not language.web:
        return ()

    def say(match: re.Match[str]) -> str:
        address = match.group().rstrip(_TRAILING)
        return _spoken(address, language) + match.group()[len(address) :]

    def say_number(match: re.Match[str]) -> str | None:
        grouped = re.fullmatch(language.number, match.group())
        return None if grouped else _marked(match.group(), language)

    return (
        rule(_EMAIL, say),
        rule(_URL, say),
        rule(_BARE_DOMAIN, say),
        rule(_NUMBERED, say_number),
    )


def _spoken(address: str, language: Language) -> str:
    """Without scheme, "www." and what follows a question mark: nobody remembers that by ear."""
    host = re.sub(r"^(?:mailto:|[a-z]+://)?(?:www\.)?", "", address)
    path = re.split(r"[?#]", host, maxsplit=1)[0].rstrip("/")
    return _marked(path, language)


def _marked(text: str, language: Language) -> str:
    marked = _MARK.sub(lambda match: " ".join(("", *map(language.web.__getitem__, match.group()), "")), text)
    return " ".join(marked.split())
