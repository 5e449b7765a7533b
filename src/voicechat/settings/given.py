"""The settings that somebody gave, each with the place where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from voicechat.settings.errors import Problem


@dataclass(frozen=True, slots=True)
class Given:
    """A value and where it came from."""

    key: str
    value: Any
    origin: str


@dataclass(slots=True)
class Reading:
    """What a source gave, and what was wrong with it."""

    given: list[Given] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, origin: str, key: str, text: str) -> None:
        """Notes a problem."""
        self.problems.append(Problem(origin, key, text))

    def take(self, key: str, value: Any, origin: str) -> None:
        """Notes a value."""
        self.given.append(Given(key, value, origin))
