"""Draws results of `voicechat bench`: `plot.py OUTPUT_DIRECTORY RESULT.json...` writes one PNG for each it can draw."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402 - the backend comes first
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import MaxNLocator, ScalarFormatter  # noqa: E402

OURS, OTHERS = "#2a6fdb", "#a9b4c2"
OTHER_LINES = ("#e08a1e", "#3a9d6e", "#8e63b5")
FIRST_AUDIO_BAR_MS = 300
TURN_BARS_MS = (800, 1200)
BARGE_IN_BARS_MS = (160, 250)
TITLES = {
    "short": "3.4 s sentence",
    "long-plain": "8.3 s sentence without a clause",
    "long-clauses": "9 s sentence of several clauses",
}


def plot_ttfa(report: dict[str, Any], path: Path) -> None:
    """Bars of the median, whiskers to the 95th percentile."""
    sentences = [sentence["id"] for sentence in report["sentences"]]
    height = 0.7 + 0.32 * len(report["systems"])
    figure, all_axes = plt.subplots(1, len(sentences), figsize=(12, height + 0.8), sharey=True, layout="constrained")
    for axes, sentence in zip(all_axes, sentences, strict=True):
        rows = [row for row in report["results"] if row["sentence"] == sentence]
        p50 = [row["gapless_ms"]["p50"] for row in rows]
        p95 = [row["gapless_ms"]["p95"] for row in rows]
        names = [row["system"] for row in rows]
        colours = [OURS if name == "voicechat" else OTHERS for name in names]
        tails = [high - middle for middle, high in zip(p50, p95, strict=True)]
        axes.barh(names, p50, color=colours, xerr=[[0] * len(p50), tails], ecolor="#5b6673", capsize=2)
        for at, value in enumerate(p50):
            axes.annotate(f" {value:.0f}", (p95[at], at), va="center", fontsize=8)
        axes.set_title(TITLES.get(sentence, sentence), fontsize=10)
        axes.margins(x=0.18)
        _tidy(axes)
    all_axes[0].invert_yaxis()
    figure.supxlabel("ms from text sent to audio that plays on without a gap: median, whisker to p95", fontsize=9)
    _save(figure, path)


def plot_load(report: dict[str, Any], path: Path) -> None:
    """First audio and gaps over the number of listeners, one line for each system."""
    figure, (first, gaps) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    others = iter(OTHER_LINES)
    for name, stages in report["stages"].items():
        ours = name == "voicechat"
        style = {"color": OURS, "lw": 2.5, "zorder": 3} if ours else {"color": next(others), "lw": 1.5}
        heard = [stage for stage in stages if stage["first_audio_ms"]]
        clients = [stage["clients"] for stage in heard]
        first.plot(clients, [stage["first_audio_ms"]["p95"] for stage in heard], marker="o", label=name, **style)
        gaps.plot(clients, [stage["underrun_percent"] for stage in heard], marker="o", label=name, **style)
    first.axhline(FIRST_AUDIO_BAR_MS, color="#c0392b", ls="--", lw=1)
    first.set(ylabel="first audio p95, ms", yscale="log")
    gaps.axhline(0.1, color="#c0392b", ls="--", lw=1)
    gaps.set(ylabel="underruns, % of 20 ms chunks")
    gaps.set_yscale("symlog", linthresh=0.1)
    for axes in (first, gaps):
        axes.set_xlabel("listeners at once, system on one core")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for formatted in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            formatted(ScalarFormatter())
        _tidy(axes)
    first.legend(frameon=False, fontsize=8)
    _save(figure, path)


STAGE_COLOURS = {"endpoint": "#a9b4c2", "asr": "#3a9d6e", "llm": "#e08a1e", "tts": "#8e63b5"}
STAGE_WORDS = {"endpoint": "turn end", "asr": "ears", "llm": "mind to first token", "tts": "voice to first audio"}


def plot_conversation(report: dict[str, Any], path: Path) -> None:
    """Where the median turn's time went, and how long all turns took."""
    figure, (waterfall, spread) = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    columns = report["row_columns"]
    own = next(stage for stage in report["stages"] if stage["assistant"] == "voicechat")
    turns = [dict(zip(columns, row, strict=True)) for row in own["rows"]]
    _draw_waterfall(waterfall, [turn for turn in turns if turn["audible_ms"] is not None and turn["server_ms"]])
    for stage in report["stages"]:
        values = sorted(ms for row in stage["rows"] if (ms := row[columns.index("audible_ms")]) is not None)
        share = [100 * (at + 1) / len(values) for at in range(len(values))]
        label = f"{stage['assistant']}, {stage['callers']} at once" + _noise(stage["noise_db"])
        ours = stage["assistant"] == "voicechat"
        style = {"color": OURS if ours else OTHER_LINES[0]}
        spread.step(values, share, where="post", label=label, ls="-" if stage["callers"] == 1 else "--", **style)
    for bar in TURN_BARS_MS:
        spread.axvline(bar, color="#c0392b", ls=":", lw=1)
    spread.set(xlabel="ms from end of speech to reply audible", ylabel="% of turns")
    spread.legend(frameon=False, fontsize=8)
    for axes in (waterfall, spread):
        _tidy(axes)
    _save(figure, path)


def _draw_waterfall(axes: Axes, turns: list[dict[str, Any]]) -> None:
    """The turn of median length: its ends as the caller saw them, its stages as the server tells."""
    turn = sorted(turns, key=lambda one: float(one["audible_ms"]))[len(turns) // 2]
    stages, starts = turn["server_ms"], turn["server_starts_ms"]
    # The server counts from where it noticed silence, the caller from the true end of speech.
    late_ms = max(0.0, turn["arrived_ms"] - stages.get("total", turn["arrived_ms"]))
    rows = [("noticing silence", 0.0, late_ms, "#d7dde4")]
    rows += [
        (STAGE_WORDS[name], late_ms + starts[name], stages[name], colour)
        for name, colour in STAGE_COLOURS.items()
        if name in stages and name in starts
    ]
    rows.append(("to the caller's ear", turn["arrived_ms"], turn["audible_ms"] - turn["arrived_ms"], OURS))
    for at, (_, start, width, colour) in enumerate(rows):
        axes.barh(at, width, left=start, color=colour)
        axes.annotate(f" {width:.0f}", (start + width, at), va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set(xlabel="ms from end of speech, the median turn of one caller")


def plot_barge_in(report: dict[str, Any], path: Path) -> None:
    """When replies that were talked over grew softer and fell silent, as heard."""
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    columns = report["row_columns"]
    for stage in report["stages"]:
        for name, style in (("ducked_ms", "--"), ("silent_ms", "-")):
            values = sorted(ms for row in stage["rows"] if (ms := row[columns.index(name)]) is not None)
            if values:
                share = [100 * (at + 1) / len(values) for at in range(len(values))]
                label = f"{stage['assistant']}, {stage['callers']} at once, {name[:-3]}{_noise(stage['noise_db'])}"
                colour = OURS if stage["assistant"] == "voicechat" else OTHER_LINES[0]
                alpha = 1.0 if stage["callers"] == 1 else 0.5
                axes.step(values, share, where="post", label=label, ls=style, color=colour, alpha=alpha)
    for bar in BARGE_IN_BARS_MS:
        axes.axvline(bar, color="#c0392b", ls=":", lw=1)
    axes.set(xlabel="ms from onset of speech, as heard", ylabel="% of interruptions")
    axes.legend(frameon=False, fontsize=8)
    _tidy(axes)
    _save(figure, path)


def _noise(noise_db: float | None) -> str:
    return "" if noise_db is None else f", noise at {noise_db:g} dB"


def plot_endpointing(report: dict[str, Any], path: Path) -> None:
    """Who is cut off over how long the others wait; up to the 95th percentile where a judge makes some wait longer."""
    figure, all_axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
    styles = {"vad": (OTHERS, "o"), "smart-turn": (OURS, "s"), "livekit": (OTHER_LINES[0], "^")}
    for axes, percentile in zip(all_axes, ("p50", "p95"), strict=True):
        for judge, (colour, marker) in styles.items():
            rows = [row for row in report["results"] if row["judge"] == judge]
            delays = [row["delay_ms"][percentile] for row in rows]
            cut = [row["cut_off_percent"] for row in rows]
            axes.plot(
                delays, cut, ls="-" if judge == "vad" else "", marker=marker, color=colour, label=judge, alpha=0.8
            )
        axes.set_xlabel(f"end of speech to decision, {percentile}, ms")
        _tidy(axes)
    all_axes[0].set_ylabel("turns with a pause that are cut off, %")
    all_axes[0].legend(frameon=False, fontsize=8)
    _save(figure, path)


BOUND_COLOURS = {"yellow": "#d9a400", "red": "#c0392b"}
UNITS = {"s": "s", "percent": "%", "short": ""}


def plot_panels(report: dict[str, Any], path: Path) -> None:
    """The twelve panels of the dashboard over the run, as Prometheus answered their queries."""
    titles = list(dict.fromkeys(panel["title"] for panel in report["panels"]))
    figure, all_axes = plt.subplots(4, 3, figsize=(14, 13), layout="constrained")
    for axes, title in zip(all_axes.flat, titles, strict=True):
        targets = [panel for panel in report["panels"] if panel["title"] == title]
        _draw_panel(axes, targets, report["began_s"])
        axes.set_title(title, fontsize=10)
    figure.supxlabel("s since the callers began; dashed: where a panel turns yellow or red", fontsize=9)
    _save(figure, path)


def _draw_panel(axes: Axes, targets: list[dict[str, Any]], began_s: float) -> None:
    lines: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {}
    for target in targets:
        for series in target["series"]:
            times, values = zip(*((at - began_s, float(value)) for at, value in series["values"]), strict=True)
            lines[_legend(target["legend"], series["metric"])] = times, values
    if targets[0]["stacked"]:
        times = next(iter(lines.values()))[0]
        axes.stackplot(times, *(values for _, values in lines.values()), labels=lines, step="post", alpha=0.7)
    else:
        for label, (times, values) in lines.items():
            axes.plot(times, values, label=label, lw=1.5)
    most = max(value for _, values in lines.values() for value in values if value == value)
    for bound, colour in targets[0]["bounds"]:
        # One far above what was measured would leave a flat line.
        if bound <= 2 * most:
            axes.axhline(bound, color=BOUND_COLOURS[colour], ls="--", lw=1)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(UNITS[targets[0]["unit"]])
    axes.legend(frameon=False, fontsize=7)
    _tidy(axes)


def _legend(pattern: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        pattern = pattern.replace("{{" + name + "}}", value)
    return pattern


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", labelsize=8)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=130)
    plt.close(figure)
    print(path)


PLOTS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "ttfa": plot_ttfa,
    "tts-load": plot_load,
    "conversation": plot_conversation,
    "barge-in": plot_barge_in,
    "endpointing": plot_endpointing,
    "monitoring-queries": plot_panels,
}


def main() -> None:
    directory = Path(sys.argv[1])
    for file in map(Path, sys.argv[2:]):
        report = json.loads(file.read_text("utf-8"))
        if draw := PLOTS.get(report.get("bench", "")):
            draw(report, directory / f"bench-{report['bench']}.png")


if __name__ == "__main__":
    main()
