"""Whether the voice is short of audio: work that may be for nothing then waits."""

from __future__ import annotations

from collections.abc import Callable

SHORT_S = 0.3
"""A reply with less audio than this ahead of its listener needs the processor more than a guess does."""

Slack = Callable[[], float | None]
"""Seconds of audio that a reply has ahead of its listener; None while it needs none."""


class VoiceSlack:
    """Every reply that is being spoken, asked when the ears think of speculating. Used on the event loop only."""

    def __init__(self) -> None:
        self._replies: dict[object, Slack] = {}

    def watch(self, slack: Slack) -> Callable[[], None]:
        """Ask `slack` from now on; calling what is returned ends that."""
        key = object()
        self._replies[key] = slack

        def forget() -> None:
            self._replies.pop(key, None)

        return forget

    @property
    def short(self) -> bool:
        """Whether any reply has less than `SHORT_S` ahead."""
        return any(_short(slack()) for slack in self._replies.values())


def _short(ahead_s: float | None) -> bool:
    return ahead_s is not None and ahead_s < SHORT_S
