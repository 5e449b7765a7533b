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


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", labelsize=8)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=130)
    plt.close(figure)
    print(path)


PLOTS: dict[str, Callable[[dict[str, Any], Path], None]] = {"ttfa": plot_ttfa, "tts-load": plot_load}


def main() -> None:
    directory = Path(sys.argv[1])
    for file in map(Path, sys.argv[2:]):
        report = json.loads(file.read_text("utf-8"))
        if draw := PLOTS.get(report["bench"]):
            draw(report, directory / f"bench-{report['bench']}.png")


if __name__ == "__main__":
    main()
