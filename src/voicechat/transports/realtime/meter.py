"""How much input a client has in flight."""

from __future__ import annotations

from collections.abc import Callable

from voicechat.transports.realtime.errors import ProtocolError

MIN_COMMIT_MS = 100.0
"""The least audio that is a turn, as in OpenAI's service."""
MAX_MANUAL_TURN_S = 300.0
"""The longest turn that a client may push before it commits."""
MAX_LEAD_S = 60.0
"""How far a client may run ahead of real time while the server listens for turns."""


class InputMeter:
    """Bounds the audio of manual turns, and the lead over real time of the others. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._uncommitted_s = 0.0
        self._ahead_s = 0.0
        self._seen_at = clock()

    def take(self, duration_s: float, *, manual: bool) -> None:
        """Count more audio. Raises `ProtocolError` when it is too much, and counts nothing."""
        ahead_s = max(0.0, self._ahead_s - (self._clock() - self._seen_at)) + duration_s
        if manual and self._uncommitted_s + duration_s > MAX_MANUAL_TURN_S:
            message = f"a turn lasts at most {MAX_MANUAL_TURN_S:.0f} s; commit or clear the buffer first"
            raise ProtocolError("input_audio_buffer_full", message, "audio")
        if not manual and ahead_s > MAX_LEAD_S:
            message = f"audio runs more than {MAX_LEAD_S:.0f} s ahead of real time; send it as it is spoken"
            raise ProtocolError("input_audio_too_fast", message, "audio")
        self._uncommitted_s += duration_s
        self._ahead_s, self._seen_at = ahead_s, self._clock()

    def commit(self, *, manual: bool) -> None:
        """Begin a new turn. Raises `ProtocolError` when there is nothing to commit."""
        if manual and self._uncommitted_s * 1000 < MIN_COMMIT_MS:
            message = (
                f"the buffer holds {self._uncommitted_s * 1000:.0f} ms of audio; "
                f"a turn needs at least {MIN_COMMIT_MS:.0f} ms"
            )
            raise ProtocolError("input_audio_buffer_commit_empty", message)
        self._uncommitted_s = 0.0

    def clear(self) -> None:
        """Forget what was not committed."""
        self._uncommitted_s = 0.0
