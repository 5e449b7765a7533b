"""What one turn came to, worked out from what the caller said, heard and was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from voicechat.bench.calls.call import Call, Spoken
from voicechat.bench.calls.ear import Delivery, first_sound_ms
from voicechat.bench.calls.line import Measured, ReplyBegan, Transcribed, TurnTaken
from voicechat.bench.statistics import summary_json

LATENCIES = ("turn_taken_ms", "words_ms", "final_ms", "arrived_ms", "audible_ms")
"""All from the true end of speech: the turn was said to be over; the final words stood; they came as final; first reply
audio arrived; it was heard above -50 dBFS."""


@dataclass(frozen=True, slots=True)
class TurnFigures:
    """One utterance and its reply. Times in ms from the true end of speech, None where it did not come.

    Attributes:
        cut_off: The turn was taken, or reply audio came, while words were still to be said.
        answered: Reply audio was heard.
        gaps: Silences inside the heard part of the reply that were not in it.
        server_ms: What the assistant itself reports, by stage.
        server_starts_ms: When these stages began, by its own clock.
    """

    caller: int
    utterance: str
    speaker: str
    speech_s: float
    cut_off: bool
    answered: bool
    turn_taken_ms: float | None
    words_ms: float | None
    final_ms: float | None
    arrived_ms: float | None
    audible_ms: float | None
    gaps: int
    text: str
    server_ms: dict[str, float]
    server_starts_ms: dict[str, float]


def measure_turn(call: Call, caller: int, spoken: Spoken) -> TurnFigures:
    """The turn that `spoken` began, up to now."""
    began = [one for one in call.ear.deliveries if one.offset_samples == 0 and one.at_ms >= spoken.onset_ms]
    early = [one for one in began if one.at_ms < spoken.end_ms]
    taken = [at_ms for at_ms, _ in call.signals(TurnTaken, spoken.onset_ms)]
    reply = next((one for one in began if one.at_ms >= spoken.end_ms), None)
    words = call.signals(Transcribed, spoken.onset_ms)
    final = next(((at_ms, one) for at_ms, one in reversed(words) if one.is_final), None)
    last = {one.turn_id: one.text for _, one in words if one.is_final}
    utterance, measured = spoken.utterance, _measured(call, spoken.onset_ms)

    def after(at_ms: float | None) -> float | None:
        return None if at_ms is None else round(at_ms - spoken.end_ms, 1)

    return TurnFigures(
        caller,
        utterance.name,
        utterance.speaker.value,
        round(utterance.speech_s, 2),
        cut_off=bool(early) or any(at_ms < spoken.end_ms for at_ms in taken),
        answered=bool(began),
        turn_taken_ms=after(taken[-1] if taken else None),
        words_ms=after(_stood_since(words, final[1])) if final is not None else None,
        final_ms=after(final[0]) if final is not None else None,
        arrived_ms=after(reply.at_ms) if reply is not None else None,
        audible_ms=after(_audible_ms(call, reply)),
        gaps=len(call.ear.gaps_of(reply.item_id)) if reply is not None else 0,
        text=" ".join(last.values()),
        server_ms=measured.stages_ms,
        server_starts_ms=measured.starts_ms,
    )


def _stood_since(words: Sequence[tuple[float, Transcribed]], final: Transcribed) -> float | None:
    """When the last of a turn's transcripts that read as the final one does, with no other behind it, came."""
    since: float | None = None
    for at_ms, one in words:
        if one.turn_id != final.turn_id:
            continue
        if one.text != final.text:
            since = None
        elif since is None:
            since = at_ms
    return since


def _audible_ms(call: Call, reply: Delivery | None) -> float | None:
    if reply is None:
        return None
    return first_sound_ms([piece for piece in call.ear.pieces if piece.item_id == reply.item_id], reply.at_ms)


def _measured(call: Call, since_ms: float) -> Measured:
    replies = {one.reply_id for _, one in call.signals(ReplyBegan, since_ms)}
    told = [one for _, one in call.signals(Measured, since_ms) if one.reply_id in replies]
    return told[-1] if told else Measured("")


def summarize_turns(turns: Sequence[TurnFigures]) -> dict[str, Any]:
    """Percentiles over the turns that were not cut off, and how often what should not happen did."""
    whole = [turn for turn in turns if not turn.cut_off]
    stages = sorted({stage for turn in whole for stage in turn.server_ms})
    known = [turn for turn in whole if turn.words_ms is not None and turn.turn_taken_ms is not None]
    in_time = [turn for turn in known if (turn.words_ms or 0) <= (turn.turn_taken_ms or 0)]
    return {
        "turns": len(turns),
        "cut_off": sum(turn.cut_off for turn in turns),
        "unanswered": sum(not turn.answered for turn in turns),
        "replies_with_gaps": sum(turn.gaps > 0 for turn in whole),
        **{name: summary_json([ms for turn in whole if (ms := getattr(turn, name)) is not None]) for name in LATENCIES},
        "words_before_turn_taken_percent": round(100 * len(in_time) / len(known), 1) if known else None,
        "server_ms": {
            stage: summary_json([turn.server_ms[stage] for turn in whole if stage in turn.server_ms])
            for stage in stages
        },
    }


def turn_rows(turns: Sequence[TurnFigures]) -> list[list[Any]]:
    """Each turn as a row, in the order of `TurnFigures`' fields."""
    return [list(asdict(turn).values()) for turn in turns]
