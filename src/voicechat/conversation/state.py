"""What the assistant is doing, as a table of legal moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from voicechat.conversation.port import ConversationState as State

LEGAL_MOVES: Mapping[State, frozenset[State]] = {
    State.IDLE: frozenset({State.LISTENING, State.TERMINATED}),
    State.LISTENING: frozenset({State.THINKING, State.SPEAKING, State.TERMINATED}),
    State.THINKING: frozenset({State.SPEAKING, State.INTERRUPTED, State.LISTENING, State.TERMINATED}),
    State.SPEAKING: frozenset({State.INTERRUPTED, State.THINKING, State.LISTENING, State.TERMINATED}),
    State.INTERRUPTED: frozenset({State.SPEAKING, State.THINKING, State.LISTENING, State.TERMINATED}),
    State.TERMINATED: frozenset(),
}
"""`INTERRUPTED` is a reply that waits, paused, to learn whether the person takes the turn."""


class IllegalMoveError(RuntimeError):
    """A move that the table does not hold."""


class StateMachine:
    """Holds the state, refuses moves that are not legal, and tells of those that are made."""

    def __init__(self, on_change: Callable[[State], None]) -> None:
        self._state = State.IDLE
        self._on_change = on_change

    @property
    def state(self) -> State:
        """The state now."""
        return self._state

    def move(self, to: State) -> None:
        """Go to another state; staying is not a move. Raises `IllegalMoveError`."""
        if to is self._state:
            return
        if to not in LEGAL_MOVES[self._state]:
            legal = ", ".join(sorted(LEGAL_MOVES[self._state])) or "nothing"
            raise IllegalMoveError(f"a conversation cannot go from {self._state} to {to}; legal is {legal}")
        self._state = to
        self._on_change(to)
