"""Words by which a listener says "go on", by language. Said over a reply, they take no turn.

After Yngve (1970) and the lists of the Switchboard dialogue act annotation (tag `b`, Jurafsky et al. 1997). Words that
can also refuse or correct ("no", "wait", "stop") are left out on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

BACKCHANNELS: Mapping[str, frozenset[str]] = {
    "en": frozenset(
        {
            "ah", "aha", "ahh", "cool", "exactly", "go on", "good", "great", "hm", "hmm", "hmmm", "huh", "i see",
            "indeed", "interesting", "mhm", "mm", "mm hm", "mm hmm", "mmm", "mmhm", "mmhmm", "nice", "oh", "ok",
            "okay", "right", "sure", "true", "uh", "uh huh", "uh-huh", "uhhuh", "um", "wow", "yeah", "yep", "yes",
            "yup",
        }
    ),
    "de": frozenset(
        {"ah", "aha", "ach so", "genau", "gut", "hm", "hmm", "ja", "klar", "mhm", "oh", "ok", "okay", "so", "stimmt"}
    ),
    "es": frozenset({"ah", "ajá", "bien", "bueno", "claro", "eh", "mm", "mhm", "ok", "okay", "sí", "vale", "ya"}),
    "fr": frozenset(
        {"ah", "ah bon", "bien", "d'accord", "euh", "hm", "mhm", "oh", "ok", "okay", "oui", "ouais", "voilà"}
    ),
    "it": frozenset({"ah", "bene", "certo", "eh", "esatto", "giusto", "hm", "mhm", "ok", "okay", "sì", "va bene"}),
    "ru": frozenset({"ага", "да", "ладно", "мгм", "ну", "ок", "окей", "понятно", "так", "угу", "хм", "хорошо"}),
    "ja": frozenset({"ああ", "うん", "うんうん", "ええ", "なるほど", "はい", "はいはい", "へえ", "そう", "そうですね"}),
    "zh": frozenset({"嗯", "嗯嗯", "哦", "好", "好的", "对", "是", "是的", "啊", "行"}),
}  # fmt: skip

_MARKS = re.compile(r"[^\w\s'-]|_")
MOST_IN_A_ROW = 3
"""A person who says more of them than this wants the floor."""


def normalised(text: str) -> str:
    """Lower case, without marks, one space between words."""
    return " ".join(_MARKS.sub(" ", text.casefold()).replace("-", " ").split())


def is_backchannel(text: str, language: str) -> bool:
    """Whether all that was said is up to three backchannels. `language` is BCP 47; unknown ones have none."""
    known = BACKCHANNELS.get(language.split("-")[0].casefold(), frozenset())
    said = normalised(text).split()
    count = 0
    while said:
        length = next((n for n in (2, 1) if " ".join(said[:n]) in known and len(said) >= n), 0)
        if not length:
            return False
        said, count = said[length:], count + 1
    return 0 < count <= MOST_IN_A_ROW
