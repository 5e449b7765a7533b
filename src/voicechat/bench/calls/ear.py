"""What a caller hears: arrivals played on a clock of the caller's own, 20 ms at a time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from voicechat.audio.pcm import Pcm16, ms_to_samples
from voicechat.bench.playout import SOUND_DBFS
from voicechat.client.playout import RATE_HZ

TICK_SAMPLES = 480
_TICK_MS = 20.0
_SOUND_LEVEL = round(32768 * 10 ** (SOUND_DBFS / 20))


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a reply that was heard: `pcm` from `offset_samples` of item `item_id`, at `at_ms` of the call."""

    item_id: str
    offset_samples: int
    at_ms: float
    pcm: Pcm16

    @property
    def end_ms(self) -> float:
        """When its last sample was heard."""
        return self.at_ms + self.pcm.size * 1000 / RATE_HZ


@dataclass(frozen=True, slots=True)
class Delivery:
    """Audio of a reply as it came: `at_ms` of the call."""

    item_id: str
    offset_samples: int
    at_ms: float
    pcm: Pcm16


@dataclass(frozen=True, slots=True)
class Clear:
    """At `at_ms` of the call the unheard rest of item `item_id` became void."""

    item_id: str
    at_ms: float


class Ear:
    """Plays replies in the order they came, silence where there is nothing; a clear takes effect at the next tick.

    Time is ms of the call and is given with every call. What happens between two calls of `advance` is worked out from
    the times of arrival, so a late call falsifies nothing. Rate: `RATE_HZ`.
    """

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.deliveries: list[Delivery] = []
        self.clears: list[Clear] = []
        self.gaps_ms: list[tuple[float, float]] = []
        self._waiting: deque[Delivery] = deque()
        self._received: dict[str, int] = {}
        self._heard: dict[str, int] = {}
        self._current = ""
        self._next_tick = 0
        self._dry_since_ms: float | None = None

    def arrive(self, at_ms: float, item_id: str, pcm: Pcm16) -> None:
        """Take the next samples of an item."""
        self.advance(at_ms)
        offset = self._received.get(item_id, 0)
        self._received[item_id] = offset + pcm.size
        delivery = Delivery(item_id, offset, at_ms, pcm)
        self.deliveries.append(delivery)
        self._waiting.append(delivery)

    def clear(self, at_ms: float, item_id: str) -> None:
        """Drop what has not been heard of an item."""
        self.advance(at_ms)
        self.clears.append(Clear(item_id, at_ms))
        self._waiting = deque(one for one in self._waiting if one.item_id != item_id)

    def advance(self, now_ms: float) -> None:
        """Hear every tick that began before `now_ms`."""
        while self._next_tick * _TICK_MS < now_ms:
            self._tick(self._next_tick * _TICK_MS)
            self._next_tick += 1

    @property
    def waiting(self) -> bool:
        """Whether something has come that is still to be heard."""
        return bool(self._waiting)

    @property
    def progress(self) -> tuple[str, int]:
        """The item heard last and how much of it has been heard, ms; an empty name before the first."""
        return self._current, int(self._heard.get(self._current, 0) * 1000 / RATE_HZ)

    @property
    def last_heard_ms(self) -> float | None:
        """When something was last heard."""
        return self.pieces[-1].end_ms if self.pieces else None

    def heard_ms(self, item_id: str) -> float:
        """How much of an item has been heard."""
        return self._heard.get(item_id, 0) * 1000 / RATE_HZ

    def stale(self) -> int:
        """Deliveries that came for an item after it was cleared."""
        cleared = {clear.item_id: clear.at_ms for clear in reversed(self.clears)}
        return sum(one.item_id in cleared and one.at_ms > cleared[one.item_id] for one in self.deliveries)

    def gaps_of(self, item_id: str) -> list[float]:
        """The silences, ms, in which more of an item was still to come."""
        pieces = [piece for piece in self.pieces if piece.item_id == item_id]
        spans = zip(pieces, pieces[1:], strict=False)
        return [
            later.at_ms - earlier.end_ms for earlier, later in spans if later.at_ms - earlier.end_ms >= _TICK_MS / 2
        ]

    def _tick(self, at_ms: float) -> None:
        filled = 0
        while filled < TICK_SAMPLES and self._waiting:
            filled += self._hear(self._waiting.popleft(), TICK_SAMPLES - filled, at_ms + filled * 1000 / RATE_HZ)

    def _hear(self, delivery: Delivery, at_most: int, at_ms: float) -> int:
        pcm = delivery.pcm[:at_most]
        if pcm.size < delivery.pcm.size:
            rest = delivery.pcm[at_most:]
            self._waiting.appendleft(
                Delivery(delivery.item_id, delivery.offset_samples + pcm.size, delivery.at_ms, rest)
            )
        self.pieces.append(Piece(delivery.item_id, delivery.offset_samples, at_ms, pcm))
        self._heard[delivery.item_id] = self._heard.get(delivery.item_id, 0) + pcm.size
        self._current = delivery.item_id
        return int(pcm.size)


def first_sound_ms(pieces: list[Piece], since_ms: float) -> float | None:
    """When the first sample above -50 dBFS was heard at or after `since_ms`."""
    for piece in pieces:
        if piece.end_ms > since_ms and (loud := _loud(piece)).size:
            times = piece.at_ms + loud * 1000 / RATE_HZ
            later = times[times >= since_ms]
            if later.size:
                return float(later[0])
    return None


def last_sound_ms(pieces: list[Piece]) -> float | None:
    """When the last sample above -50 dBFS was heard."""
    for piece in reversed(pieces):
        if (loud := _loud(piece)).size:
            return piece.at_ms + float(loud[-1] + 1) * 1000 / RATE_HZ
    return None


def _loud(piece: Piece) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.flatnonzero(np.abs(piece.pcm.astype(np.int32)) > _SOUND_LEVEL)


def heard_between(pieces: list[Piece], start_ms: float, end_ms: float) -> Pcm16:
    """What was heard in a stretch of the call, silence included."""
    first = ms_to_samples(start_ms, RATE_HZ)
    out = np.zeros(max(0, ms_to_samples(end_ms, RATE_HZ) - first), np.int16)
    for piece in pieces:
        at = ms_to_samples(piece.at_ms, RATE_HZ) - first
        low, high = max(0, at), min(out.size, at + piece.pcm.size)
        if low < high:
            out[low:high] = piece.pcm[low - at : high - at]
    return out
