"""First audio: from text sent to 20 ms of speech in the hands of a client that plays it without a gap."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from voicechat.bench.place import house
from voicechat.bench.playout import Playout
from voicechat.bench.report import Bar, Measuring, progress, show_table
from voicechat.bench.statistics import summary_json
from voicechat.bench.systems.peers import find_peers
from voicechat.bench.systems.port import BenchError, System
from voicechat.bench.systems.worker import own_worker
from voicechat.bench.texts import PLAIN, SENTENCES, SHORT, Sentence
from voicechat.settings import Settings

PEER_THREADS: dict[str, tuple[int, ...]] = {
    "piper-api": (1, 0),
    "piper-http": (0,),
    "wyoming-piper": (0,),
    "streaming-vits": (1, 0),
}
"""The thread counts that each peer is measured with; 0 is its own default."""

SHORT_BAR_MS, PLAIN_BAR_MS, SOONER_BAR = 60.0, 100.0, 5.0
REST_S = 0.3
"""Before each reply: threads of the one before spin for some 50 ms after their work, on a core that the next needs."""
_WORKER, _PIPER = "voicechat", "piper-tts"


@dataclass(frozen=True, slots=True)
class FirstAudio:
    """One reply. Times in ms from the moment the text was sent.

    Attributes:
        system: Who spoke.
        sentence: What.
        first_audio_ms: 20 ms of audio were there.
        gapless_ms: The earliest start of playing with no underrun behind it; at least `first_audio_ms`.
        first_sound_ms: The first sample above -50 dBFS was heard by who began to play at `first_audio_ms`.
        audio_s: Length of the reply.
        underruns: Of that listener.
    """

    system: str
    sentence: str
    first_audio_ms: float
    gapless_ms: float
    first_sound_ms: float
    audio_s: float
    underruns: int


async def measure(system: System, sentence: Sentence) -> FirstAudio:
    """Let `system` speak once. Raises `BenchError` when nothing is heard."""
    playout = Playout()
    began_s = asyncio.get_running_loop().time()
    await system.speak(sentence.text, playout)
    playout.advance(math.inf)
    marks = (playout.first_audio_s, playout.gapless_start_s, playout.first_sound_s)
    if any(mark is None for mark in marks):
        raise BenchError(f"{system.name} said nothing audible for {sentence.text!r}")
    first, gapless, sound = (round(1000 * (mark - began_s), 2) for mark in marks if mark is not None)
    return FirstAudio(system.name, sentence.id, first, gapless, sound, round(playout.audio_s, 3), playout.underruns)


async def measure_all(systems: Sequence[System], sentences: Sequence[Sentence], repeats: int) -> list[FirstAudio]:
    """Every system with every sentence, `repeats` times, in turn and each time in another order, `REST_S` apart."""
    measured = []
    for repeat in range(repeats):
        at = repeat % len(systems)
        for sentence in sentences:
            for system in (*systems[at:], *systems[:at]):
                await asyncio.sleep(REST_S)
                measured.append(await measure(system, sentence))
    return measured


def run_ttfa(settings: Settings, repeats: int, peers: Collection[str]) -> dict[str, Any]:
    """Measure, show the table, and return the report."""
    return asyncio.run(_run_ttfa(settings, repeats, peers))


async def _run_ttfa(settings: Settings, repeats: int, peers: Collection[str]) -> dict[str, Any]:
    wanted = find_peers(peers)
    async with AsyncExitStack() as stack:
        systems: list[System] = [await stack.enter_async_context(own_worker(settings))]
        for name, peer in wanted.items():
            for threads in PEER_THREADS[name]:
                progress(f"starting {name}, threads {threads or 'default'}")
                place = replace(house(settings), threads=threads)
                systems.append(await stack.enter_async_context(peer(place)))
        await measure_all(systems, SENTENCES[:1], 1)
        measuring = Measuring("ttfa", {"repeats": repeats, "peers": list(wanted)})
        measured = await measure_all(systems, SENTENCES, repeats)
        told = [{"name": system.name, "settings": system.settings} for system in systems]
    results = summarize(measured)
    _show(results)
    return measuring.report(
        bars(results),
        sentences=[asdict(sentence) for sentence in SENTENCES],
        systems=told,
        results=results,
        measurements=[list(asdict(one).values()) for one in measured],
        measurement_columns=list(FirstAudio.__dataclass_fields__),
    )


def summarize(measured: Sequence[FirstAudio]) -> list[dict[str, Any]]:
    """One entry for each system and sentence, in the order in which they first appear."""
    groups: dict[tuple[str, str], list[FirstAudio]] = {}
    for one in measured:
        groups.setdefault((one.system, one.sentence), []).append(one)
    return [
        {
            "system": system,
            "sentence": sentence,
            "audio_s": round(median(one.audio_s for one in group), 2),
            "first_audio_ms": summary_json([one.first_audio_ms for one in group]),
            "gapless_ms": summary_json([one.gapless_ms for one in group]),
            "first_sound_ms": summary_json([one.first_sound_ms for one in group]),
            "replies_with_underruns": sum(one.underruns > 0 for one in group),
        }
        for (system, sentence), group in groups.items()
    ]


def bars(results: Sequence[dict[str, Any]]) -> list[Bar]:
    """What first audio must reach. What counts is the earliest start that is not followed by an underrun."""
    plain_ms = _p50(results, _WORKER, PLAIN)
    piper = [
        row["gapless_ms"]["p50"] for row in results if row["system"].startswith(_PIPER) and row["sentence"] == PLAIN.id
    ]
    sooner = min(piper) / plain_ms if piper and plain_ms else None
    return [
        Bar("first audio, 3.4 s sentence, p50 ms", _p50(results, _WORKER, SHORT), at_most=SHORT_BAR_MS),
        Bar("first audio, 8.3 s sentence without a clause, p50 ms", plain_ms, at_most=PLAIN_BAR_MS),
        Bar("times sooner than the soonest piper-tts, same sentence", sooner and round(sooner, 2), at_least=SOONER_BAR),
    ]


def _p50(results: Sequence[dict[str, Any]], system: str, sentence: Sentence) -> float | None:
    for row in results:
        if row["system"] == system and row["sentence"] == sentence.id:
            p50: float = row["gapless_ms"]["p50"]
            return p50
    return None


def _show(results: Sequence[dict[str, Any]]) -> None:
    header = ("system", "sentence", "speech s", "first audio p50", "p95", "gapless p50", "p95", "sound p50", "underrun")
    rows = [
        (
            row["system"],
            row["sentence"],
            f"{row['audio_s']:.1f}",
            *(f"{row[key][part]:.0f}" for key in ("first_audio_ms", "gapless_ms") for part in ("p50", "p95")),
            f"{row['first_sound_ms']['p50']:.0f}",
            f"{row['replies_with_underruns']}/{row['first_audio_ms']['count']}",
        )
        for row in results
    ]
    show_table("First audio, ms from text sent", header, rows)
