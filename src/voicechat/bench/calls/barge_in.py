"""Barge-in: how soon a reply that is talked over grows softer and falls silent, as the caller hears it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from voicechat.audio.pcm import rms_dbfs
from voicechat.bench.calls.call import Call, Spoken, calling
from voicechat.bench.calls.conversation import ANSWER_TIMEOUT_MS, QUIET_MS, STAGGER_S
from voicechat.bench.calls.ear import heard_between
from voicechat.bench.calls.interruption import (
    TIMES,
    InterruptionFigures,
    measure_interruption,
    sent_audio,
    summarize_interruptions,
)
from voicechat.bench.calls.line import Assistant, CallWish
from voicechat.bench.calls.options import CallOptions, noise_words
from voicechat.bench.calls.realtime_line import RealtimeAssistant
from voicechat.bench.calls.setting import assistants, gather_utterances
from voicechat.bench.calls.tap import VoiceTap
from voicechat.bench.calls.utterances import STORY, Utterance, synthetic_utterances, told_utterances
from voicechat.bench.report import Bar, Measuring, progress, show_table
from voicechat.bench.statistics import summary_json
from voicechat.settings import Settings

WISH = CallWish("You are a storyteller. Every answer is a long story of many sentences.", 160)
SHORTEST_LISTEN_MS, LONGEST_LISTEN_MS = 1500.0, 4000.0
LOUD_DBFS = -35.0
"""Callers speak up while they hear the reply, not in its pauses: they know it as soon as it ends."""
LOUD_FOR_MS = 60.0
SETTLED_MS = 6000.0
"""After the caller's last word; by then the reply was cut, or was not."""
MAX_TRIES = 3
"""Of a story, which may be over before it is interrupted."""

DUCKED_BAR_MS, SILENT_BAR_MS, SENT_BAR_MS = 160.0, 250.0, 20.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One assistant, so many callers, one level of noise."""

    assistant: str
    callers: int
    noise_db: float | None
    found: list[InterruptionFigures]
    errors: list[str]
    bench_late_ms: list[float]

    def as_json(self) -> dict[str, Any]:
        """The summary, then every interruption."""
        return {
            "assistant": self.assistant,
            "callers": self.callers,
            "noise_db": self.noise_db,
            "all": summarize_interruptions(self.found),
            "errors": self.errors[:10],
            "bench_late_ms": summary_json(self.bench_late_ms),
            "rows": [list(asdict(one).values()) for one in self.found],
        }


@dataclass(frozen=True, slots=True)
class _Script:
    """What callers say: the story that they ask for, and what they interrupt it with."""

    story: Utterance
    interruptions: Sequence[Utterance]


def run_barge_in(settings: Settings, options: CallOptions) -> dict[str, Any]:
    """Measure, show the table, and return the report."""
    return asyncio.run(_run(settings, options))


async def _run(settings: Settings, options: CallOptions) -> dict[str, Any]:
    utterances = await gather_utterances(settings, options.speakers, 12)
    (story,) = await synthetic_utterances(settings, [STORY])
    script = _Script(story, utterances)
    async with assistants(settings, options.url, options.peers, tap=True, transports=options.transports) as (
        found,
        own,
    ):
        measuring = Measuring("barge-in", asdict(options))
        stages = []
        for noise_db in options.noises_db:
            for callers in options.callers:
                for assistant in found:
                    progress(f"{assistant.name}: {callers} callers, {noise_words(noise_db)}")
                    stage = Stage(assistant.name, callers, noise_db, [], [], [])
                    tap = own.tap if own is not None and isinstance(assistant, RealtimeAssistant) else None
                    await _run_stage(assistant, stage, script, options.turns, tap)
                    stages.append(stage)
    _show(stages)
    return measuring.report(
        bars(stages),
        utterances=told_utterances([story, *utterances]),
        assistants=[{"name": one.name, "settings": one.settings} for one in found],
        row_columns=[field.name for field in fields(InterruptionFigures)],
        stages=[stage.as_json() for stage in stages],
    )


async def _run_stage(assistant: Assistant, stage: Stage, script: _Script, turns: int, tap: VoiceTap | None) -> None:
    async with asyncio.TaskGroup() as group:
        for caller in range(stage.callers):
            group.create_task(_interrupt_often(assistant, stage, caller, script, turns, tap))


async def _interrupt_often(
    assistant: Assistant, stage: Stage, caller: int, script: _Script, turns: int, tap: VoiceTap | None
) -> None:
    chance = random.Random(caller)
    await asyncio.sleep(chance.uniform(0, STAGGER_S) if stage.callers > 1 else 0)
    for turn in range(turns):
        utterance = script.interruptions[(caller * turns + turn) % len(script.interruptions)]
        for _ in range(MAX_TRIES):
            # A call for each: what was said before would change the stories.
            async with calling(assistant, WISH, stage.noise_db, caller * turns + turn) as call:
                figures = await _interrupt(call, caller, script.story, utterance, chance, tap)
                stage.errors.extend(call.errors)
                stage.bench_late_ms.extend(call.mouth.late_ms)
            if figures is not None:
                stage.found.append(figures)
                break


async def _interrupt(
    call: Call, caller: int, story: Utterance, utterance: Utterance, chance: random.Random, tap: VoiceTap | None
) -> InterruptionFigures | None:
    await asyncio.sleep(chance.uniform(0.3, 0.6))
    asked = await call.say(story)
    enough_ms = chance.uniform(SHORTEST_LISTEN_MS, LONGEST_LISTEN_MS)
    await call.hears_reply(asked.end_ms, enough_ms, asked.end_ms + ANSWER_TIMEOUT_MS)
    if not await _hears_it_loud(call):
        return None
    item_id, _ = call.ear.progress
    spoken = call.begin(utterance)
    await call.mouth.said()
    await _settled(call, spoken, item_id)
    if call.open_replies:
        await call.line.hush()
    await call.quiet(QUIET_MS, call.now_ms + ANSWER_TIMEOUT_MS)
    given = tap.reply_of(sent_audio(call, item_id)) if tap is not None else None
    return measure_interruption(call, caller, spoken, item_id, given, await call.line.history(item_id))


async def _hears_it_loud(call: Call) -> bool:
    """Wait until the reply has been loud for a moment; False when it is over."""
    while call.open_replies or call.ear.waiting:
        now_ms = call.now_ms
        call.ear.advance(now_ms)
        if rms_dbfs(heard_between(call.ear.pieces[-10:], now_ms - LOUD_FOR_MS, now_ms)) > LOUD_DBFS:
            return True
        await asyncio.sleep(0.01)
    return False


async def _settled(call: Call, spoken: Spoken, item_id: str) -> None:
    """Wait until another reply is heard, or until none will be."""
    while call.now_ms < spoken.end_ms + SETTLED_MS:
        call.ear.advance(call.now_ms)
        if call.ear.progress[0] != item_id:
            return
        await asyncio.sleep(0.02)


def bars(stages: Sequence[Stage]) -> list[Bar]:
    """What one caller must get, without noise."""
    own = next((one for one in stages if (one.assistant, one.callers, one.noise_db) == ("voicechat", 1, None)), None)
    if own is None:
        return []
    told = summarize_interruptions(own.found)

    def p95(name: str) -> float | None:
        return told[name]["p95"] if told[name] else None

    return [
        Bar("speech onset to ducked as heard, p95 ms", p95("ducked_ms"), at_most=DUCKED_BAR_MS),
        Bar("speech onset to silent as heard, p95 ms", p95("silent_ms"), at_most=SILENT_BAR_MS),
        Bar("decision to last audible sample sent, p95 ms", p95("decision_to_sent_ms"), at_most=SENT_BAR_MS),
        Bar("audio of a reply after it was declared void, deliveries", told["stale_deliveries"], at_most=0),
    ]


def _show(stages: Sequence[Stage]) -> None:
    names = (name[:-3].replace("_", " ") for name in TIMES)
    header = ("assistant", "callers", "noise", "cuts", "missed", "stale", *names, "history +-1")
    rows = []
    for stage in stages:
        told = summarize_interruptions(stage.found)
        cells = [told[name] for name in TIMES]
        rows.append(
            (
                stage.assistant,
                str(stage.callers),
                noise_words(stage.noise_db),
                *(str(told[name]) for name in ("interruptions", "missed", "stale_deliveries")),
                *(f"{cell['p50']:.0f} / {cell['p95']:.0f}" if cell else "-" for cell in cells),
                f"{told['histories_within_one_word']}/{told['histories']}",
            )
        )
    show_table("Interruptions, ms from the onset of speech, p50 / p95", header, rows)
