"""Conversations: how soon an answer is heard after the caller's last word, one caller and several at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, fields
from typing import Any

from voicechat.bench.calls.call import Call, calling
from voicechat.bench.calls.line import Assistant, CallWish
from voicechat.bench.calls.options import CallOptions, noise_words
from voicechat.bench.calls.setting import assistants, gather_utterances
from voicechat.bench.calls.turns import LATENCIES, TurnFigures, measure_turn, summarize_turns, turn_rows
from voicechat.bench.calls.utterances import Utterance, told_utterances
from voicechat.bench.report import Bar, Measuring, progress, show_table
from voicechat.bench.statistics import summary_json
from voicechat.settings import Settings

ANSWER_TIMEOUT_MS = 10_000.0
"""A caller who hears nothing this long after the last word gives up."""
ENOUGH_MS = 2500.0
"""A caller who has heard this much of a reply asks the next thing."""
QUIET_MS = 600.0
STAGGER_S = 2.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.4, 1.2

CAPACITY_BAR_TIMES = 2.0
FIRST_AUDIO_P50_BAR_MS, FIRST_AUDIO_P95_BAR_MS = 800.0, 1200.0
TRANSCRIPT_BAR_MS, BEFORE_ENDPOINT_BAR_PERCENT = 350.0, 90.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One assistant, so many callers, one level of noise."""

    assistant: str
    callers: int
    noise_db: float | None
    idle: int
    turns: list[TurnFigures]
    errors: list[str]
    bench_late_ms: list[float]

    def as_json(self) -> dict[str, Any]:
        """Summaries over all turns and by speaker, then every turn."""
        speakers = sorted({turn.speaker for turn in self.turns})
        return {
            "assistant": self.assistant,
            "callers": self.callers,
            "noise_db": self.noise_db,
            "idle": self.idle,
            "all": summarize_turns(self.turns),
            "by_speaker": {
                one: summarize_turns([turn for turn in self.turns if turn.speaker == one]) for one in speakers
            },
            "errors": self.errors[:10],
            "bench_late_ms": summary_json(self.bench_late_ms),
            "rows": turn_rows(self.turns),
        }


def run_conversation(settings: Settings, options: CallOptions) -> dict[str, Any]:
    """Measure, show the table, and return the report."""
    return asyncio.run(_run(settings, options))


async def _run(settings: Settings, options: CallOptions) -> dict[str, Any]:
    utterances = await gather_utterances(settings, options.speakers, max(options.turns, 12))
    async with assistants(settings, options.url, options.peers, transports=options.transports) as (found, _):
        for assistant in found:
            progress(f"{assistant.name}: one turn that does not count")
            await run_stage(assistant, utterances, 1, 1, None, 0)
        measuring = Measuring("conversation", asdict(options))
        stages = []
        for noise_db in options.noises_db:
            for callers in options.callers:
                for assistant in found:
                    progress(f"{assistant.name}: {callers} callers, {noise_words(noise_db)}")
                    idle = options.idle if callers == max(options.callers) else 0
                    stages.append(await run_stage(assistant, utterances, callers, options.turns, noise_db, idle))
    _show(stages)
    return measuring.report(
        bars(stages),
        utterances=told_utterances(utterances),
        assistants=[{"name": one.name, "settings": one.settings} for one in found],
        row_columns=[field.name for field in fields(TurnFigures)],
        stages=[stage.as_json() for stage in stages],
    )


async def run_stage(
    assistant: Assistant, utterances: Sequence[Utterance], callers: int, turns: int, noise_db: float | None, idle: int
) -> Stage:
    """Let `callers` talk at once, `turns` times each. Raises `ClientError` when the assistant goes away."""
    stage = Stage(assistant.name, callers, noise_db, idle, [], [], [])
    async with AsyncExitStack() as listening:
        for number in range(idle):
            await listening.enter_async_context(calling(assistant, CallWish(), noise_db, 1000 + number))
        async with asyncio.TaskGroup() as group:
            for caller in range(callers):
                start = caller * len(utterances) // callers
                mine = [utterances[(start + turn) % len(utterances)] for turn in range(turns)]
                group.create_task(_converse(assistant, stage, caller, mine))
    return stage


async def _converse(assistant: Assistant, stage: Stage, caller: int, utterances: Sequence[Utterance]) -> None:
    chance = random.Random(caller)
    await asyncio.sleep(chance.uniform(0, STAGGER_S) if stage.callers > 1 else 0)
    async with calling(assistant, CallWish(), stage.noise_db, caller) as call:
        for utterance in utterances:
            await asyncio.sleep(chance.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S))
            stage.turns.append(await _turn(call, caller, utterance))
        stage.errors.extend(call.errors)
        stage.bench_late_ms.extend(call.mouth.late_ms)


async def _turn(call: Call, caller: int, utterance: Utterance) -> TurnFigures:
    spoken = await call.say(utterance)
    deadline_ms = spoken.end_ms + ANSWER_TIMEOUT_MS
    await call.hears_reply(spoken.end_ms, ENOUGH_MS, deadline_ms)
    figures = measure_turn(call, caller, spoken)
    if call.open_replies:
        await call.line.hush()
    await call.quiet(QUIET_MS, call.now_ms + ANSWER_TIMEOUT_MS)
    return figures


def bars(stages: Sequence[Stage]) -> list[Bar]:
    """What one caller must get, without noise."""
    own = next((one for one in stages if (one.assistant, one.callers, one.noise_db) == ("voicechat", 1, None)), None)
    if own is None:
        return []
    told = summarize_turns(own.turns)
    audible, words = told["audible_ms"] or {}, told["words_ms"] or {}
    return [
        Bar("end of speech to reply audible, p50 ms", audible.get("p50"), at_most=FIRST_AUDIO_P50_BAR_MS),
        Bar("end of speech to reply audible, p95 ms", audible.get("p95"), at_most=FIRST_AUDIO_P95_BAR_MS),
        Bar("end of speech to the words of the final transcript, p50 ms", words.get("p50"), at_most=TRANSCRIPT_BAR_MS),
        Bar(
            "turns whose words stood when the turn was taken, %",
            told["words_before_turn_taken_percent"],
            at_least=BEFORE_ENDPOINT_BAR_PERCENT,
        ),
        *_capacity(own, stages),
    ]


def _capacity(one: Stage, stages: Sequence[Stage]) -> list[Bar]:
    """What many callers must get beside those who only listen."""
    crowd = next((stage for stage in stages if stage.assistant == one.assistant and stage.idle), None)
    if crowd is None:
        return []
    alone, told = summarize_turns(one.turns)["audible_ms"], summarize_turns(crowd.turns)
    times = round(told["audible_ms"]["p95"] / alone["p95"], 2) if alone and told["audible_ms"] else None
    many = f"{crowd.callers} talking and {crowd.idle} listening"
    return [
        Bar(f"{many}: reply audible p95, times that of one caller", times, at_most=CAPACITY_BAR_TIMES),
        Bar(f"{many}: replies with gaps", told["replies_with_gaps"], at_most=0),
    ]


def _show(stages: Sequence[Stage]) -> None:
    header = ("assistant", "callers", "noise", "turns", "cut off", "unanswered", *(name[:-3] for name in LATENCIES))
    rows = []
    for stage in stages:
        told = summarize_turns(stage.turns)
        cells = [told[name] for name in LATENCIES]
        rows.append(
            (
                stage.assistant,
                f"{stage.callers}" + (f" + {stage.idle} idle" if stage.idle else ""),
                noise_words(stage.noise_db),
                *(str(told[name]) for name in ("turns", "cut_off", "unanswered")),
                *(f"{cell['p50']:.0f} / {cell['p95']:.0f}" if cell else "-" for cell in cells),
            )
        )
    show_table("Turns, ms from the end of speech, p50 / p95", header, rows)
