"""Where a process is in its life, for balancers and for those who start conversations."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """A process loads, serves, drains, and ends."""

    LOADING = "loading"
    SERVING = "serving"
    DRAINING = "draining"


MOVES = {
    Phase.LOADING: frozenset({Phase.SERVING, Phase.DRAINING}),
    Phase.SERVING: frozenset({Phase.DRAINING}),
    Phase.DRAINING: frozenset[Phase](),
}
"""The legal moves."""


class Lifecycle:
    """The phase of this process."""

    def __init__(self) -> None:
        self._phase = Phase.LOADING
        self._progress = 0.0
        self._is_leaving = False

    @property
    def wants_more(self) -> bool:
        """Whether balancers should bring somebody new."""
        return self._phase is Phase.SERVING and not self._is_leaving

    @property
    def phase(self) -> Phase:
        """Where it is."""
        return self._phase

    @property
    def progress(self) -> float:
        """How much of what the process loads is there, 0 to 1."""
        return self._progress if self._phase is Phase.LOADING else 1.0

    def loaded(self, steps: int, of: int) -> None:
        """`steps` of `of` are done."""
        self._progress = steps / of

    def leave(self) -> None:
        """Serve whoever comes, and tell balancers to bring nobody new."""
        self._is_leaving = True

    def move(self, to: Phase) -> None:
        """Go on. Raises `ValueError` for a move that does not exist."""
        if to not in MOVES[self._phase]:
            raise ValueError(f"a process that is {self._phase} cannot become {to}")
        self._phase = to
