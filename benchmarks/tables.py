"""Prints reports of `voicechat bench` as Markdown: `python3 benchmarks/tables.py RESULT.json...`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

Report = dict[str, Any]


def ttfa(report: Report) -> Iterator[str]:
    """A row for each system, a column for each sentence."""
    sentences = [sentence["id"] for sentence in report["sentences"]]
    found = {(row["system"], row["sentence"]): row["gapless_ms"] for row in report["results"]}
    yield from _head(("first audio, p50 / p95 ms", *sentences))
    for system in report["systems"]:
        cells = [found[system["name"], sentence] for sentence in sentences]
        yield _row((system["name"], *(f"{cell['p50']:.0f} / {cell['p95']:.0f}" for cell in cells)))


def tts_load(report: Report) -> Iterator[str]:
    """What one caller gets, then every stage."""
    yield from _head(("one caller, one core", "speech s per s", "CPU s per speech s"))
    for one in report["throughput"]:
        yield _row((one["system"], f"{one['speech_s_per_s']:.1f}", f"{one['cpu_s_per_speech_s']:.3f}"))
    yield ""
    columns = ("clients", "first audio p50 / p95 / p99 ms", "underruns", "refused", "CPU s per speech s", "held")
    yield from _head(("listeners at once, one core", *columns))
    for name, stages in report["stages"].items():
        yield from (_stage(name, stage) for stage in stages)


def tts_load_mixed(report: Report) -> Iterator[str]:
    """A row for each pace."""
    columns = ("replies", "first audio p50 / p95 / p99 ms", "underruns", "stop to done p95 ms", "refused")
    yield from _head(("mixed clients", *columns))
    for pace, told in report["paces"].items():
        stop = f"{told['stop_to_done_ms']['p95']:.0f}" if told["stop_to_done_ms"] else "-"
        underruns = f"{told['underrun_percent']:.3f} %" if told["chunks"] else "-"
        replies = sum(told["replies"].values())
        yield _row((pace, replies, _percentiles(told["first_audio_ms"]), underruns, stop, told["refusals"]))


def tts_fidelity(report: Report) -> Iterator[str]:
    """One row."""
    error = report["relative_rms"]
    yield from _head(("sentences", "relative RMS error p50", "p95", "worst"))
    yield _row((error["count"], f"{error['p50']:.1e}", f"{error['p95']:.1e}", f"{error['maximum']:.1e}"))


def conversation(report: Report) -> Iterator[str]:
    """A row for each assistant, count of callers and level of noise."""
    figures = ("turn_taken_ms", "final_ms", "arrived_ms", "audible_ms")
    names = ("turn taken", "final transcript", "reply arrived", "reply audible")
    yield from _head(("from end of speech, p50 / p95 ms", *names, "turns", "cut off", "unanswered"))
    for stage in report["stages"]:
        told = stage["all"]
        counts = (told["turns"], told["cut_off"], told["unanswered"])
        yield _row((_callers(stage), *(_two(told[name]) for name in figures), *counts))


def barge_in(report: Report) -> Iterator[str]:
    """A row for each assistant, count of callers and level of noise."""
    figures = ("ducked_ms", "silent_ms", "sent_silent_ms", "decision_to_sent_ms")
    names = ("ducked, heard", "silent, heard", "silent, sent", "decision to last sent")
    counts = ("cuts", "missed", "stale", "history within a word")
    yield from _head(("from onset of speech, p50 / p95 ms", *names, *counts))
    for stage in report["stages"]:
        told = stage["all"]
        kept = f"{told['histories_within_one_word']} of {told['histories']}" if told["histories"] else "-"
        yield _row(
            (
                _callers(stage),
                *(_two(told[name]) for name in figures),
                *(told[name] for name in ("interruptions", "missed", "stale_deliveries")),
                kept,
            )
        )


def _callers(stage: dict[str, Any]) -> str:
    idle = f" and {stage['idle']} idle" if stage.get("idle") else ""
    noise = "" if stage["noise_db"] is None else f", noise at {stage['noise_db']:g} dB"
    return f"{stage['assistant']}, {stage['callers']} at once{idle}{noise}"


def _two(summary: dict[str, float] | None) -> str:
    return f"{summary['p50']:.0f} / {summary['p95']:.0f}" if summary else "-"


def fleet(report: Report) -> Iterator[str]:
    """A row for each number of workers, then the router."""
    yield from _head(("workers", "s of speech per s", "replies"))
    for stage in report["stages"]:
        yield _row((stage["workers"], f"{stage['speech_per_s']:.1f}", stage["replies"]))
    yield ""
    cost, known = report["routing"]["us"], report["routing"]["known"]
    yield from _head(("routing decision, CPU us", "p50", "p99"))
    yield _row((f"{known} workers known", f"{cost['p50']:.0f}", f"{cost['p99']:.0f}"))


def chaos(report: Report) -> Iterator[str]:
    """What was done, and what became of it."""
    yield from _head(("done to the fleet", "times"))
    for what, times in report["faults"].items():
        yield _row((what, times))
    yield ""
    turns, gaps, health = report["turns"], report["gaps"], report["health"]
    columns = (
        "turns",
        "lost",
        "refused",
        "failovers",
        "replies with a gap",
        "gaps p50 / p95 / p99 ms",
        "health untrue",
    )
    yield from _head(("callers", *columns))
    untrue = f"{len(health['untrue'])} of {health['asked']}"
    told = (turns["taken"], turns["lost"], turns["refused"], f"{report['failovers']:.0f}", gaps["replies_with_any"])
    yield _row((report["options"]["callers"], *told, _percentiles(gaps["ms"]), untrue))


def endpointing(report: Report) -> Iterator[str]:
    """A row for each judge and its waits, then a column for each kind of pause."""
    yield from _head(("judge", "waits, ms", "cut off", "delay p50 / p95, ms"))
    for row in report["results"]:
        waits = f"{1000 * row['finished_s']:.0f}"
        if row["unfinished_s"] != row["finished_s"]:
            waits += f" / {1000 * row['unfinished_s']:.0f}"
        delay = row["delay_ms"]
        yield _row((row["judge"], waits, f"{row['cut_off_percent']:.1f} %", f"{delay['p50']:.0f} / {delay['p95']:.0f}"))
    yield ""
    yield from _head(("cut off, by kind", *(_judge_name(row) for row in report["by_kind"])))
    for kind in report["by_kind"][0]["kinds"]:
        cells = [row["kinds"][kind] for row in report["by_kind"]]
        yield _row((kind, *(f"{cell['cut_off']} of {cell['with_pauses']}" for cell in cells)))


def ears(report: Report) -> Iterator[str]:
    """A row for each kind of recording, then what is waited for."""
    columns = ("words", "quick, WER", "full, WER", "difference, points (95 %)", "loops, quick / full", "decodes / s")
    yield from _head(("recordings", *columns))
    for part, told in report["words"].items():
        low, high = told["difference_95"]
        difference = f"{told['difference_points']:+.2f} ({low:+.2f} to {high:+.2f})"
        rates = (f"{told['quick_wer_percent']:.2f} %", f"{told['full_wer_percent']:.2f} %", difference)
        loops = f"{len(told['quick_loops'])} / {len(told['full_loops'])}"
        head = (f"{told['recordings']}, {part}", told["words"])
        yield _row((*head, *rates, loops, f"{told['quick_decodes_per_s']:.2f}"))
    if times := report["times"]:
        yield ""
        yield from _head(("after the end of speech, ms", "p50", "p95"))
        for name in ("quick_ready_ms", "quick_final_ms", "full_final_ms", "full_computing_ms"):
            yield _row((name, f"{times[name]['p50']:.0f}", f"{times[name]['p95']:.0f}"))


def _judge_name(row: dict[str, Any]) -> str:
    return f"{row['judge']} {row['finished_s']:g} / {row['unfinished_s']:g} s"


def _stage(name: str, stage: dict[str, Any]) -> str:
    first = _percentiles(stage["first_audio_ms"])
    cpu, held = f"{stage['cpu_s_per_speech_s']:.3f}", "yes" if stage["held"] else "no"
    return _row((name, stage["clients"], first, f"{stage['underrun_percent']:.3f} %", stage["refusals"], cpu, held))


def _percentiles(summary: dict[str, float] | None) -> str:
    return " / ".join(f"{summary[name]:.0f}" for name in ("p50", "p95", "p99")) if summary else "-"


def _head(cells: Sequence[str]) -> Iterator[str]:
    yield _row(cells)
    yield _row(("---", *("---:" for _ in cells[1:])))


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


TABLES: dict[str, Callable[[Report], Iterator[str]]] = {
    "ttfa": ttfa,
    "tts-load": tts_load,
    "tts-load-mixed": tts_load_mixed,
    "tts-fidelity": tts_fidelity,
    "conversation": conversation,
    "barge-in": barge_in,
    "fleet": fleet,
    "chaos": chaos,
    "endpointing": endpointing,
    "ears": ears,
}


def main() -> None:
    for file in sys.argv[1:]:
        report = json.loads(Path(file).read_text("utf-8"))
        machine, stolen = report["machine"], report["cpu_meanwhile"]["steal_percent"]
        print(f"{machine['date'][:10]}, {machine['cpu']}, {machine['cores']} cores, steal {stolen} %\n")
        print(*TABLES[report["bench"]](report), sep="\n")
        print()


if __name__ == "__main__":
    main()
