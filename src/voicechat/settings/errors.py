"""What is wrong with a configuration, told all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Attributes:
        origin: Where it was given: `file:line`, the variable, or `command line`.
        key: The setting or the variable's name, as far as it could be understood.
        text: What is wrong, what is allowed, what may have been meant.
    """

    origin: str
    key: str
    text: str

    def __str__(self) -> str:
        place = self.origin if self.key in ("", self.origin) else f"{self.origin}: {self.key}"
        return f"{place}: {self.text}"


class SettingsError(ValueError):
    """The configuration cannot be used; the text names every problem and where it stands."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            text = f"wrong setting: {self.problems[0]}"
        else:
            text = "\n  ".join([f"{len(self.problems)} wrong settings:", *map(str, self.problems)])
        super().__init__(text)
