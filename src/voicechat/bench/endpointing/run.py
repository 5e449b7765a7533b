"""False cut-offs against delay: silence alone, Smart Turn, and LiveKit's bundled detector, on the same recordings."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from voicechat.bench.endpointing.pauses import Pause, find_pauses, judge
from voicechat.bench.endpointing.policy import Policy, outcome
from voicechat.bench.endpointing.recordings import Half, Kind, Recording, make_recordings
from voicechat.bench.report import Measuring, progress, show_table
from voicechat.bench.statistics import share, summary_json
from voicechat.conversation.detectors import load_detector
from voicechat.conversation.engine import default_turn_detection
from voicechat.conversation.vad import load_vad
from voicechat.settings import EndOfTurn, Settings

SILENCES_S = (0.25, 0.35, 0.5, 0.7, 0.9, 1.2, 1.5, 2.0)
FINISHED_S = (0.25, 0.35, 0.45, 0.6, 0.75)
UNFINISHED_S = (0.8, 1.0, 1.5, 2.5)

Judged = list[tuple[Recording, list[Pause]]]


def run_endpointing(settings: Settings) -> dict[str, Any]:
    """The report. Raises `BenchError` or `ModelError` where recordings, voice or judge are missing."""
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> dict[str, Any]:
    recordings = await make_recordings(settings)
    progress(f"{len(recordings)} recordings, {sum(len(one.pauses_s) for one in recordings)} pauses in them")
    measuring = Measuring("endpointing", {"vad_threshold": settings.conversation.vad_threshold})
    found = await _listened(settings, recordings)
    judged = {choice.value: await _judged(settings, choice, found) for choice in EndOfTurn}
    rows = [_row(policy, judged[policy.judge]) for policy in _policies()]
    chosen = _chosen(settings)
    report = measuring.report(
        [],
        recordings=_described(recordings),
        judges={name: _computing(found) for name, found in judged.items() if name != EndOfTurn.VAD},
        chosen=asdict(chosen),
        results=rows,
        by_kind=[{**asdict(p), "kinds": _by_kind(p, judged[p.judge])} for p in _compared(chosen)],
    )
    _show(report)
    return report


async def _listened(settings: Settings, recordings: Sequence[Recording]) -> Judged:
    vad = load_vad(settings.conversation)(default_turn_detection(settings.conversation))
    return [(recording, await find_pauses(vad, recording)) for recording in recordings]


async def _judged(settings: Settings, choice: EndOfTurn, found: Judged) -> Judged:
    chosen = settings.conversation.model_copy(update={"end_of_turn": choice})
    detector = await asyncio.to_thread(load_detector, settings.model_copy(update={"conversation": chosen}))
    if detector is None:
        return found
    progress(f"{choice} judges")
    return [(recording, await judge(detector, recording, pauses)) for recording, pauses in found]


def _policies() -> Iterator[Policy]:
    for silence_s in SILENCES_S:
        yield Policy(EndOfTurn.VAD.value, silence_s, silence_s)
    for name in (EndOfTurn.SMART_TURN.value, EndOfTurn.LIVEKIT.value):
        for finished_s in FINISHED_S:
            for unfinished_s in UNFINISHED_S:
                yield Policy(name, finished_s, unfinished_s)


def _chosen(settings: Settings) -> Policy:
    turns = default_turn_detection(settings.conversation)
    finished_s = turns.silence_duration_ms / 1000
    unfinished_s = finished_s if turns.unfinished_ms is None else turns.unfinished_ms / 1000
    return Policy(settings.conversation.end_of_turn.value, finished_s, unfinished_s)


def _compared(chosen: Policy) -> Iterator[Policy]:
    """The chosen one, the other judge with the same waits, and two silences."""
    yield Policy(EndOfTurn.VAD.value, 0.5, 0.5)
    yield Policy(EndOfTurn.VAD.value, 0.9, 0.9)
    for name in (EndOfTurn.SMART_TURN.value, EndOfTurn.LIVEKIT.value):
        yield Policy(name, chosen.finished_s, chosen.unfinished_s)


def _row(policy: Policy, judged: Judged) -> dict[str, Any]:
    """Figures of the half that nothing was chosen on, beside those that choices are made by."""
    reported, choice = _of_half(judged, Half.REPORT), _of_half(judged, Half.CHOICE)
    return {**asdict(policy), **_figures(policy, reported), "choice": _figures(policy, choice)}


def _of_half(judged: Judged, half: Half) -> Judged:
    return [(recording, pauses) for recording, pauses in judged if recording.half is half]


def _by_kind(policy: Policy, judged: Judged) -> Mapping[str, Any]:
    return {
        kind.value: _figures(policy, [one for one in _of_half(judged, Half.REPORT) if one[0].kind is kind])
        for kind in Kind
    }


def _figures(policy: Policy, judged: Judged) -> dict[str, Any]:
    """Cut-offs in percent of the turns that hold a pause, delay in ms over those that were not cut off."""
    outcomes = [(recording, outcome(policy, pauses, recording.end_s)) for recording, pauses in judged]
    paused = [result for recording, result in outcomes if recording.pauses_s]
    delays = [1000 * result.delay_s for _, result in outcomes if not result.cut_off and math.isfinite(result.delay_s)]
    return {
        "turns": len(outcomes),
        "with_pauses": len(paused),
        "cut_off": sum(result.cut_off for result in paused),
        "cut_off_percent": round(100 * share(sum(result.cut_off for result in paused), len(paused)), 1),
        "never_ended": sum(not math.isfinite(result.delay_s) for _, result in outcomes),
        "delay_ms": summary_json(delays, 0),
    }


def _described(recordings: Sequence[Recording]) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind.value,
            "human": sum(one.kind is kind and one.voice == "human" for one in recordings),
            "synthetic": sum(one.kind is kind and one.voice != "human" for one in recordings),
            "pauses_s": sorted({pause_s for one in recordings if one.kind is kind for pause_s in one.pauses_s}),
        }
        for kind in Kind
    ]


def _computing(judged: Judged) -> dict[str, Any]:
    took_ms = [1000 * pause.took_s for _, pauses in judged for pause in pauses]
    return {"asked": len(took_ms), "took_ms": summary_json(took_ms)}


def _show(report: dict[str, Any]) -> None:
    def cells(row: dict[str, Any]) -> tuple[str, ...]:
        delay = row["delay_ms"]
        waits = f"{1000 * row['finished_s']:.0f}"
        if row["unfinished_s"] != row["finished_s"]:
            waits += f" / {1000 * row['unfinished_s']:.0f}"
        spread = f"{delay['p50']:.0f} / {delay['p95']:.0f}" if delay else "-"
        return row["judge"], waits, f"{row['cut_off_percent']:.1f} %", spread

    header = ("judge", "waits, ms", "cut off", "delay p50 / p95, ms")
    show_table("False cut-offs against delay", header, [cells(row) for row in report["results"]])
    for compared in report["by_kind"]:
        title = f"{compared['judge']} {compared['finished_s']:g} / {compared['unfinished_s']:g} s"
        rows = [(kind, *cells({**compared, **row})[2:]) for kind, row in compared["kinds"].items()]
        show_table(title, ("kind", "cut off", "delay p50 / p95, ms"), rows)
