"""What one interruption came to: when the reply grew softer, fell silent, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from voicechat.audio.pcm import Pcm16, rms_dbfs, samples_to_ms
from voicechat.bench.calls.call import Call, Spoken
from voicechat.bench.calls.ear import Delivery, Piece, last_sound_ms
from voicechat.bench.calls.line import Paused, ReplyOver, TurnTaken
from voicechat.bench.calls.tap import TappedReply
from voicechat.bench.playout import SOUND_DBFS
from voicechat.bench.statistics import summary_json
from voicechat.client.playout import RATE_HZ

DUCKED_DB = -5.0
STEP_SAMPLES = 120
"""5 ms, over which a level is told: both sides of the comparison are the same samples of the reply."""
TIMES = ("ducked_ms", "silent_ms", "sent_silent_ms", "decision_to_sent_ms", "cleared_ms", "turn_taken_ms")


@dataclass(frozen=True, slots=True)
class InterruptionFigures:
    """One interruption. Times in ms from the true onset of the caller's speech, None where it did not come.

    Attributes:
        taken: The reply was cut; False: it went on to its end.
        ducked_ms: The first 5 ms heard at `DUCKED_DB` or less beside what the worker gave, or `silent_ms` if sooner;
            None where the worker was not listened to.
        silent_ms: The last sample of the reply above -50 dBFS was heard.
        sent_silent_ms: The last delivery with such a sample came: earlier than `silent_ms` by the playout's lead.
        decision_to_sent_ms: From the server's word that it holds the reply to that delivery; 0 if that came before.
        cleared_ms: The server declared the rest void.
        turn_taken_ms: The server said that the caller's turn is over.
        stale: Deliveries of the reply after that.
        heard_ms: How much of the reply was heard, all in all.
        words_heard: The words of the text that were heard, by the worker's times; None without them.
        words_kept: The words that the server's history holds; None where it does not tell.
        same_words: Whether the history is how the text of the reply begins.
    """

    caller: int
    utterance: str
    speaker: str
    taken: bool
    ducked_ms: float | None
    silent_ms: float | None
    sent_silent_ms: float | None
    decision_to_sent_ms: float | None
    cleared_ms: float | None
    turn_taken_ms: float | None
    stale: int
    heard_ms: float
    words_heard: int | None
    words_kept: int | None
    same_words: bool | None


def measure_interruption(
    call: Call, caller: int, spoken: Spoken, item_id: str, given: TappedReply | None, kept: str | None
) -> InterruptionFigures:
    """The interruption of the reply `item_id` by `spoken`. `given` is the reply as the worker spoke it, if known."""
    pieces = [piece for piece in call.ear.pieces if piece.item_id == item_id]
    sent = [one for one in call.ear.deliveries if one.item_id == item_id]
    silent_ms, sent_ms = last_sound_ms(pieces), _last_sent_ms(sent)
    ducked_ms = _ducked_ms(pieces, given.pcm, spoken.onset_ms) if given is not None else None
    paused_ms = next((at_ms for at_ms, _ in call.signals(Paused, spoken.onset_ms)), None)
    cleared_ms = next((clear.at_ms for clear in call.ear.clears if clear.item_id == item_id), None)
    taken_ms = next((at_ms for at_ms, _ in call.signals(TurnTaken, spoken.onset_ms)), None)
    heard_ms = call.ear.heard_ms(item_id)
    heard = given.words_until(heard_ms) if given is not None else None
    remembered = kept.split() if kept is not None else None
    if given is not None and silent_ms is not None:
        ducked_ms = silent_ms if ducked_ms is None else min(ducked_ms, silent_ms)

    def after(at_ms: float | None, since_ms: float | None = spoken.onset_ms) -> float | None:
        return None if at_ms is None or since_ms is None else round(max(0.0, at_ms - since_ms), 1)

    return InterruptionFigures(
        caller,
        spoken.utterance.name,
        spoken.utterance.speaker.value,
        taken=cleared_ms is not None or any(not over.completed for _, over in call.signals(ReplyOver, spoken.onset_ms)),
        ducked_ms=after(ducked_ms),
        silent_ms=after(silent_ms),
        sent_silent_ms=after(sent_ms),
        decision_to_sent_ms=after(sent_ms, paused_ms),
        cleared_ms=after(cleared_ms),
        turn_taken_ms=after(taken_ms),
        stale=sum(cleared_ms is not None and one.at_ms > cleared_ms for one in sent),
        heard_ms=round(heard_ms, 1),
        words_heard=None if heard is None else len(heard),
        words_kept=None if remembered is None else len(remembered),
        same_words=None if given is None or remembered is None else _begins_with(given.text, remembered),
    )


def sent_audio(call: Call, item_id: str) -> Pcm16:
    """All that came of an item."""
    parts = [one.pcm for one in call.ear.deliveries if one.item_id == item_id]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def _ducked_ms(pieces: Sequence[Piece], given: Pcm16, since_ms: float) -> float | None:
    for piece in pieces:
        undisturbed = given[piece.offset_samples : piece.offset_samples + piece.pcm.size]
        for start in range(0, undisturbed.size - STEP_SAMPLES + 1, STEP_SAMPLES):
            at_ms = piece.at_ms + samples_to_ms(start, RATE_HZ)
            level_db = rms_dbfs(undisturbed[start : start + STEP_SAMPLES])
            heard_db = rms_dbfs(piece.pcm[start : start + STEP_SAMPLES])
            if at_ms >= since_ms and level_db > SOUND_DBFS and heard_db - level_db <= DUCKED_DB:
                return at_ms
    return None


def _last_sent_ms(sent: Sequence[Delivery]) -> float | None:
    loud = [one.at_ms for one in sent if last_sound_ms([Piece(one.item_id, 0, 0.0, one.pcm)]) is not None]
    return loud[-1] if loud else None


def _begins_with(text: str, words: Sequence[str]) -> bool:
    return text.split()[: len(words)] == list(words)


def summarize_interruptions(found: Sequence[InterruptionFigures]) -> dict[str, Any]:
    """Percentiles over the replies that were cut, and how often what should not happen did."""
    taken = [one for one in found if one.taken]
    known = [one for one in taken if one.words_heard is not None and one.words_kept is not None]
    off = [abs((one.words_heard or 0) - (one.words_kept or 0)) for one in known]
    return {
        "interruptions": len(found),
        "missed": len(found) - len(taken),
        "stale_deliveries": sum(one.stale for one in found),
        **{name: summary_json([ms for one in taken if (ms := getattr(one, name)) is not None]) for name in TIMES},
        "histories": len(known),
        "histories_exact": sum(words == 0 and bool(one.same_words) for words, one in zip(off, known, strict=True)),
        "histories_within_one_word": sum(
            words <= 1 and bool(one.same_words) for words, one in zip(off, known, strict=True)
        ),
    }
