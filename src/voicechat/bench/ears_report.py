"""What the lines of a run of the ears bench come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from voicechat.bench.ears_cases import NOTHING, TIME
from voicechat.bench.repetition import is_repetition
from voicechat.bench.report import Bar, Measuring, show_table
from voicechat.bench.statistics import summary_json
from voicechat.bench.wer import paired_difference, word_error_rate, word_errors

Row = dict[str, Any]

WORSE_AT_MOST_POINTS = 1.0
READY_AT_MOST_MS = 350.0
SOONER_AT_LEAST = 3.0
IN_TIME_AT_LEAST_PERCENT = 90.0
MOST_SHOWN = 25


def ears_report(measuring: Measuring, rows: Sequence[Row]) -> dict[str, Any]:
    """Show the tables, and return the report."""
    by_part: dict[str, list[Row]] = {}
    for row in _pairs(rows):
        by_part.setdefault(row["part"], []).append(row)
    timed, nothing = by_part.pop(TIME, []), by_part.pop(NOTHING, [])
    words = {part: _words(found) for part, found in by_part.items()}
    times = _times(timed) if timed else None
    invented = _invented(nothing) if nothing else None
    _show(words, times)
    return measuring.report(
        [*_word_bars(words), *_time_bars(times), *_silence_bars(invented)],
        words=words,
        times=times,
        nothing_said=invented,
    )


def _pairs(rows: Sequence[Row]) -> Iterable[Row]:
    """Both systems' results of each recording as one row."""
    pairs: dict[tuple[str, str], Row] = {}
    for row in rows:
        pair = pairs.setdefault(
            (row["part"], row["name"]), {name: row[name] for name in ("part", "name", "said", "seconds")}
        )
        pair[row["system"]] = row
    return pairs.values()


def _words(rows: Sequence[Row]) -> dict[str, Any]:
    quick = [word_errors(row["said"], row["quick"]["text"]) for row in rows]
    full = [word_errors(row["said"], row["full"]["text"]) for row in rows]
    difference = paired_difference(quick, full)
    apart = sorted(zip(quick, full, rows, strict=True), key=lambda one: -abs(one[0].errors - one[1].errors))
    seconds = sum(row["seconds"] for row in rows)
    return {
        "recordings": len(rows),
        "words": sum(one.words for one in quick),
        "quick_wer_percent": round(word_error_rate(quick), 2),
        "full_wer_percent": round(word_error_rate(full), 2),
        "difference_points": round(difference.points, 2),
        "difference_95": [round(difference.low_95, 2), round(difference.high_95, 2)],
        "quick_loops": _loops(rows, "quick"),
        "full_loops": _loops(rows, "full"),
        "quick_decodes_per_s": round(sum(row["quick"]["decodes"] for row in rows) / seconds, 3),
        "most_apart": [
            {"name": row["name"], "quick": row["quick"]["text"][:120], "full": row["full"]["text"][:120]}
            for ours, theirs, row in apart[:MOST_SHOWN]
            if ours.errors != theirs.errors
        ],
    }


def _loops(rows: Sequence[Row], system: str) -> list[dict[str, str]]:
    """Where a system repeated itself, with what it said."""
    return [
        {"name": row["name"], "text": row[system]["text"][:200]}
        for row in rows
        if is_repetition(row["said"], row[system]["text"], row["seconds"])
    ]


def _times(rows: Sequence[Row]) -> dict[str, Any]:
    ready = [row["quick"]["ready_ms"] for row in rows]
    full = [row["full"]["final_ms"] for row in rows]
    unwaited = [row["full"]["final_ms"] - row["full"]["endpoint_ms"] for row in rows]
    in_time = sum(row["quick"]["ready_ms"] <= row["quick"]["endpoint_ms"] for row in rows)
    return {
        "utterances": len(rows),
        "quick_ready_ms": summary_json(ready),
        "quick_final_ms": summary_json([row["quick"]["final_ms"] for row in rows]),
        "endpoint_ms": summary_json([row["quick"]["endpoint_ms"] for row in rows]),
        "full_final_ms": summary_json(full),
        "full_computing_ms": summary_json(unwaited),
        "ready_by_the_endpoint_percent": round(100 * in_time / len(rows), 1),
        "times_sooner": round(median(full) / median(ready), 2),
        "times_sooner_than_full_without_its_wait": round(median(unwaited) / median(ready), 2),
    }


def _invented(rows: Sequence[Row]) -> dict[str, Any]:
    def told(system: str) -> list[Row]:
        return [{"sound": row["name"], "text": row[system]["text"][:120]} for row in rows if row[system]["text"]]

    quick, full = told("quick"), told("full")
    return {
        "sounds": len(rows),
        "quick_with_words": len(quick),
        "full_with_words": len(full),
        "quick": quick,
        "full": full[:MOST_SHOWN],
    }


def _word_bars(words: dict[str, dict[str, Any]]) -> list[Bar]:
    worse = [
        Bar(f"{part}: WER, quick less full, upper 95 % bound", found["difference_95"][1], at_most=WORSE_AT_MOST_POINTS)
        for part, found in words.items()
    ]
    return [
        *worse,
        Bar("repetition loops of the quick ears", sum(len(one["quick_loops"]) for one in words.values()), at_most=0),
    ]


def _time_bars(times: dict[str, Any] | None) -> list[Bar]:
    if times is None:
        return []
    return [
        Bar("final words after the end of speech, p50 ms", times["quick_ready_ms"]["p50"], at_most=READY_AT_MOST_MS),
        Bar("ready by the endpoint, %", times["ready_by_the_endpoint_percent"], at_least=IN_TIME_AT_LEAST_PERCENT),
        Bar("times sooner than full, medians", times["times_sooner"], at_least=SOONER_AT_LEAST),
    ]


def _silence_bars(invented: dict[str, Any] | None) -> list[Bar]:
    if invented is None:
        return []
    return [Bar("sounds without speech in which words are heard", invented["quick_with_words"], at_most=0)]


def _show(words: dict[str, dict[str, Any]], times: dict[str, Any] | None) -> None:
    rows = [
        (
            part,
            str(found["words"]),
            f"{found['quick_wer_percent']:.2f}",
            f"{found['full_wer_percent']:.2f}",
            _interval(found),
        )
        for part, found in words.items()
    ]
    if rows:
        show_table("Word error rate, %", ("", "words", "quick", "full", "difference, 95 %"), rows)
    if times is not None:
        shown = ("quick_ready_ms", "quick_final_ms", "full_final_ms", "full_computing_ms")
        show_table(
            "After the end of speech",
            ("", "p50 ms", "p95 ms"),
            [(name, f"{times[name]['p50']:.0f}", f"{times[name]['p95']:.0f}") for name in shown],
        )


def _interval(found: dict[str, Any]) -> str:
    low, high = found["difference_95"]
    return f"{found['difference_points']:+.2f} ({low:+.2f} to {high:+.2f})"
