"""The languages that are normalised; any other is left to espeak-ng."""

from __future__ import annotations

from voicechat.tts.text.language import Language
from voicechat.tts.text.languages.de import GERMAN
from voicechat.tts.text.languages.en import AMERICAN, BRITISH
from voicechat.tts.text.languages.es import SPANISH
from voicechat.tts.text.languages.fr import FRENCH

_LANGUAGES = {language.code: language for language in (AMERICAN, BRITISH, GERMAN, FRENCH, SPANISH)}
_LANGUAGES["en"] = AMERICAN


def language_of(tag: str) -> Language:
    """The language of a BCP 47 tag or of an espeak-ng voice ("en_GB", "fr-fr"); an unknown one has no tables."""
    parts = tag.lower().replace("_", "-").split("-")
    for code in ("-".join(parts[:2]), parts[0]):
        if code in _LANGUAGES:
            return _LANGUAGES[code]
    return BRITISH if parts[0] == "en" else Language(parts[0])
