"""Many clients who behave as people do: they start at random, pause, stop and hang up, while files are made beside."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import grpc.aio
import psutil

from voicechat.bench.clients import RETRY_S, SPREAD_S, cpu_seconds, play_out, watch_lag
from voicechat.bench.playout import Playout
from voicechat.bench.report import Bar, Measuring, show_table
from voicechat.bench.statistics import share, slope, summary_json
from voicechat.bench.systems.worker import WorkerSystem, own_worker, receive, report_played, send
from voicechat.bench.texts import REPLIES
from voicechat.client.errors import one_error
from voicechat.fleet.port import Pace, SpeechStream, VoiceError
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import SynthesizerStub
from voicechat.settings import Settings

BULK_SHARE = 0.25
"""Of the clients who make files."""

UNDERRUN_BAR_PERCENT = 0.1
MEMORY_BAR_MB_PER_MIN = 2.0
BULK_WAIT_BAR_S = 10.0
_MEMORY_EVERY_S = 1.0
_WARM_UP_SHARE = 1 / 3
_FREED_WITHIN_S = 2.0


class Behaviour(Enum):
    """What a client does with a reply."""

    LISTEN = auto()
    PAUSE = auto()
    STOP = auto()
    HANG_UP = auto()


_HEAR_OUT = (Behaviour.LISTEN, Behaviour.PAUSE)
_REALTIME_ODDS = {Behaviour.LISTEN: 55, Behaviour.PAUSE: 15, Behaviour.STOP: 15, Behaviour.HANG_UP: 15}
_BULK_ODDS = {Behaviour.LISTEN: 85, Behaviour.PAUSE: 0, Behaviour.STOP: 0, Behaviour.HANG_UP: 15}


@dataclass(slots=True)
class MixedTally:
    """What the clients of one pace have met."""

    replies: dict[Behaviour, int] = field(default_factory=lambda: dict.fromkeys(Behaviour, 0))
    first_audio_ms: list[float] = field(default_factory=list)
    chunks: int = 0
    underruns: int = 0
    refusals: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    speech_s: float = 0.0
    stop_ms: list[float] = field(default_factory=list)
    reply_s_per_speech_s: list[float] = field(default_factory=list)
    longest_wait_s: list[float] = field(default_factory=list)

    def add(self, behaviour: Behaviour, playout: Playout, began_s: float, now_s: float) -> None:
        """Count a reply as far as it went."""
        self.longest_wait_s.append(playout.longest_wait_s(began_s))
        playout.advance(now_s)
        self.replies[behaviour] += 1
        self.chunks += playout.chunks
        self.underruns += playout.underruns
        self.speech_s += playout.audio_s
        if playout.first_audio_s is not None and not playout.held_before_audio:
            self.first_audio_ms.append(1000 * (playout.first_audio_s - began_s))

    def as_json(self) -> dict[str, Any]:
        """Counts and figures; refusals by their text."""
        return {
            "replies": {behaviour.name.lower(): count for behaviour, count in self.replies.items() if count},
            "first_audio_ms": summary_json(self.first_audio_ms),
            "speech_s": round(self.speech_s, 1),
            "chunks": self.chunks,
            "underruns": self.underruns,
            "underrun_percent": round(100 * share(self.underruns, self.chunks + self.underruns), 4),
            "stop_to_done_ms": summary_json(self.stop_ms),
            "wait_s_per_speech_s": summary_json(self.reply_s_per_speech_s, 3),
            "longest_wait_s": summary_json(self.longest_wait_s, 3),
            "refusals": len(self.refusals),
            "refusal_texts": sorted(set(self.refusals))[:3],
            "failures": self.failures[:5],
        }


def run_mixed(settings: Settings, clients: int, seconds: float, seed: int = 1) -> dict[str, Any]:
    """Measure on all cores, show the table, and return the report."""
    return asyncio.run(_run_mixed(settings, clients, seconds, seed))


async def _run_mixed(settings: Settings, clients: int, seconds: float, seed: int) -> dict[str, Any]:
    tallies = {pace: MixedTally() for pace in Pace}
    memory: list[tuple[float, float]] = []
    lags_ms: list[float] = []
    clock = asyncio.get_running_loop().time
    async with own_worker(settings) as worker:
        process = psutil.Process(worker.pid)
        measuring = Measuring("tts-load-mixed", {"clients": clients, "seconds": seconds, "seed": seed})
        began_s, cpu_s = clock(), cpu_seconds(process)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                group.create_task(watch_lag(lags_ms, clock))
                group.create_task(_watch_memory(process, memory))
                for client in range(clients):
                    pace = Pace.BULK if client < round(clients * BULK_SHARE) else Pace.REALTIME
                    group.create_task(_live(worker.at_pace(pace), pace, tallies, random.Random(f"{seed} {client}")))
        wall_s, cpu_s = clock() - began_s, cpu_seconds(process) - cpu_s
        freed = await _all_freed(worker)
        told = worker.settings
    figures = _figures(tallies, memory, wall_s, cpu_s, freed)
    _show(tallies)
    return measuring.report(
        _bars(tallies, figures),
        systems=[{"name": "voicechat", "settings": told}],
        **figures,
        generator_lag_ms=summary_json(lags_ms),
        paces={pace.value: tally.as_json() for pace, tally in tallies.items()},
    )


async def _live(worker: WorkerSystem, pace: Pace, tallies: dict[Pace, MixedTally], rng: random.Random) -> None:
    odds = _BULK_ODDS if pace is Pace.BULK else _REALTIME_ODDS
    while True:
        await asyncio.sleep(rng.uniform(0, SPREAD_S))
        (behaviour,) = rng.choices(list(odds), list(odds.values()))
        try:
            with one_error():
                await _Call(worker, pace, behaviour, tallies[pace], rng).hold(rng.choice(REPLIES))
        except VoiceError as error:
            if error.code != "RESOURCE_EXHAUSTED":
                tallies[pace].failures.append(str(error))
                continue
            tallies[pace].refusals.append(str(error))
            await asyncio.sleep(error.retry_after_s or RETRY_S)


class _Call:
    """One reply and what its client does with it."""

    def __init__(
        self, worker: WorkerSystem, pace: Pace, behaviour: Behaviour, tally: MixedTally, rng: random.Random
    ) -> None:
        self._worker = worker
        self._pace = pace
        self._behaviour = behaviour
        self._tally = tally
        self._rng = rng
        self._clock = asyncio.get_running_loop().time
        self._playout = Playout()
        self._stopped_s: float | None = None

    async def hold(self, text: str) -> None:
        began_s = self._clock()
        admitted = True
        try:
            async with self._worker.fleet.speak(self._worker.request()) as stream:
                await self._converse(stream, text)
            # A reply may end while it is paused.
            self._playout.resume(self._clock())
            self._note_end(began_s)
            if self._pace is Pace.REALTIME and self._behaviour in _HEAR_OUT:
                await play_out(self._playout)
        except* VoiceError:
            admitted = False
            raise
        finally:
            if admitted:
                # A file is not played: it has no clock to run dry.
                now_s = self._clock() if self._pace is Pace.REALTIME else began_s
                self._tally.add(self._behaviour, self._playout, began_s, now_s)

    async def _converse(self, stream: SpeechStream, text: str) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(send(stream, text))
            chores = [group.create_task(self._behave(stream))]
            if self._pace is Pace.REALTIME:
                chores.append(group.create_task(report_played(stream, self._playout)))
            heard = group.create_task(receive(stream, self._playout))
            if self._behaviour is Behaviour.HANG_UP:
                await asyncio.wait({heard}, timeout=self._rng.uniform(0.1, 3))
                heard.cancel()
            await asyncio.wait({heard})
            for chore in chores:
                chore.cancel()

    async def _behave(self, stream: SpeechStream) -> None:
        match self._behaviour:
            case Behaviour.PAUSE:
                await asyncio.sleep(self._rng.uniform(0.1, 3))
                self._playout.pause(self._clock())
                await stream.pause()
                await asyncio.sleep(self._rng.uniform(0.2, 3))
                self._playout.resume(self._clock())
                await stream.resume()
            case Behaviour.STOP:
                await asyncio.sleep(self._rng.uniform(0.1, 3))
                self._stopped_s = self._clock()
                await stream.stop()

    def _note_end(self, began_s: float) -> None:
        now_s = self._clock()
        if self._stopped_s is not None:
            self._tally.stop_ms.append(1000 * (now_s - self._stopped_s))
        elif self._pace is Pace.BULK and self._behaviour is Behaviour.LISTEN and self._playout.audio_s:
            self._tally.reply_s_per_speech_s.append((now_s - began_s) / self._playout.audio_s)


async def _watch_memory(process: psutil.Process, memory: list[tuple[float, float]]) -> None:
    """Seconds and resident megabytes, once a second."""
    clock = asyncio.get_running_loop().time
    while True:
        memory.append((clock(), process.memory_info().rss / 1e6))
        await asyncio.sleep(_MEMORY_EVERY_S)


async def _all_freed(worker: WorkerSystem) -> bool:
    """Whether no stream is left once every client has gone."""
    async with grpc.aio.insecure_channel(worker.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        status = SynthesizerStub(channel).GetStatus
        with suppress(TimeoutError):
            async with asyncio.timeout(_FREED_WITHIN_S):
                while (await status(pb.GetStatusRequest())).active_streams:  # noqa: ASYNC110 - it can only be asked
                    await asyncio.sleep(0.05)
                return True
    return False


def _figures(
    tallies: dict[Pace, MixedTally], memory: list[tuple[float, float]], wall_s: float, cpu_s: float, freed: bool
) -> dict[str, Any]:
    settled = memory[round(len(memory) * _WARM_UP_SHARE) :]
    times, sizes = zip(*settled, strict=True) if settled else ((), ())
    speech_s = sum(tally.speech_s for tally in tallies.values())
    return {
        "seconds": round(wall_s, 1),
        "speech_s": round(speech_s, 1),
        "cpu_s_per_speech_s": round(share(cpu_s, speech_s), 4),
        "worker_cores_busy": round(share(cpu_s, wall_s), 2),
        "memory_mb": summary_json(sizes),
        "memory_slope_mb_per_min": round(60 * slope(times, sizes), 2),
        "streams_left_at_end": not freed,
    }


def _bars(tallies: dict[Pace, MixedTally], figures: dict[str, Any]) -> list[Bar]:
    realtime, bulk = tallies[Pace.REALTIME].as_json(), tallies[Pace.BULK].as_json()
    waits = [round(wait_s, 2) for wait_s in tallies[Pace.BULK].longest_wait_s]
    failures = sum(len(tally.failures) for tally in tallies.values())
    return [
        Bar("underruns of REALTIME streams, % of chunks", realtime["underrun_percent"], at_most=UNDERRUN_BAR_PERCENT),
        Bar("BULK replies finished", bulk["replies"].get("listen", 0), at_least=1),
        Bar("longest wait of a BULK client for audio, s", max(waits, default=None), at_most=BULK_WAIT_BAR_S),
        Bar("failures that are not refusals", failures, at_most=0),
        Bar("streams left once all clients are gone", float(figures["streams_left_at_end"]), at_most=0),
        Bar("growth of memory, MB per minute", figures["memory_slope_mb_per_min"], at_most=MEMORY_BAR_MB_PER_MIN),
    ]


def _show(tallies: dict[Pace, MixedTally]) -> None:
    rows = []
    for pace, tally in tallies.items():
        told = tally.as_json()
        first, stop = told["first_audio_ms"], told["stop_to_done_ms"]
        rows.append(
            (
                pace.value,
                str(sum(tally.replies.values())),
                str(told["speech_s"]),
                f"{first['p50']:.0f} / {first['p95']:.0f} / {first['p99']:.0f}" if first else "-",
                f"{told['underrun_percent']:.3f}",
                f"{stop['p95']:.0f}" if stop else "-",
                str(told["refusals"]),
            )
        )
    header = ("pace", "replies", "speech s", "first audio p50 / p95 / p99", "underruns %", "stop p95", "refused")
    show_table("Mixed clients", header, rows)
