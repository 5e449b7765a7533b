"""A synthetic caller: asks a spoken question through the front door, and judges what comes back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.client.errors import ClientError, RefusedError
from voicechat.client.playout import RATE_HZ
from voicechat.client.report import CallReport
from voicechat.client.say import speech_of
from voicechat.client.talk import TalkOptions, talk

QUESTION = "What is the capital of France?"
ENOUGH_HEARD = 0.6
"""Share of the question's words that must be recognised, in their order: the smallest ears mistake some."""


class Outcome(StrEnum):
    """How a call went; of several faults, the one that the caller meets first."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    MISHEARD = "misheard"
    UNANSWERED = "unanswered"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One call.

    Attributes:
        outcome: How it went.
        detail: What was heard, or what went wrong, for people.
        took_s: All of it.
        first_audio_s: From the end of the question to the first of the answer heard; None: none was.
        heard: Share of the question's words that were recognised; None: it was not asked.
    """

    outcome: Outcome
    detail: str
    took_s: float
    first_audio_s: float | None = None
    heard: float | None = None


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """Whom to call, and how.

    Attributes:
        url: Address of the server (http or https).
        key: The API key to show, which may speak and converse; None: none.
        question: What is asked, in the language of the server's ears and voice.
        every_s: From the beginning of one call to that of the next.
        timeout_s: How long an answer may take.
    """

    url: str
    key: str | None = None
    question: str = QUESTION
    every_s: float = 60.0
    timeout_s: float = 30.0


class Probe:
    """Calls again and again. The server's own voice asks: its first words are synthesised once, and kept."""

    def __init__(self, options: ProbeOptions) -> None:
        self._options = options
        self._question: Pcm16 | None = None

    async def results(self) -> AsyncGenerator[ProbeResult, None]:
        """A call every `every_s`, for ever; one that took longer is followed at once."""
        now = asyncio.get_running_loop().time
        while True:
            due_s = now() + self._options.every_s
            yield await self.call()
            await asyncio.sleep(max(0.0, due_s - now()))

    async def call(self) -> ProbeResult:
        """Ask once."""
        now = asyncio.get_running_loop().time
        began_s = now()
        try:
            report = await self._ask()
        except RefusedError as error:
            return ProbeResult(Outcome.REFUSED, str(error), now() - began_s)
        except ClientError as error:
            return ProbeResult(Outcome.UNREACHABLE, str(error), now() - began_s)
        return judge(report, self._options.question, now() - began_s)

    async def _ask(self) -> CallReport:
        options = self._options
        if self._question is None:
            self._question = resample(*await speech_of(options.url, options.question, "", options.key), RATE_HZ)
        return await talk(TalkOptions(options.url, timeout_s=options.timeout_s, key=options.key), [self._question])


def judge(report: CallReport, question: str, took_s: float) -> ProbeResult:
    """Whether the question was understood and answered aloud."""
    turns = [report.turn(turn) for turn in report.turns]
    user = " ".join(turn["user"] for turn in turns)
    assistant = " ".join(turn["assistant"] for turn in turns).strip()
    heard = share_heard(question, user)
    first_ms = next((turn["latency_ms"]["first_audio"] for turn in turns if "first_audio" in turn["latency_ms"]), None)

    def result(outcome: Outcome, detail: str) -> ProbeResult:
        return ProbeResult(outcome, detail, took_s, None if first_ms is None else first_ms / 1000, heard)

    if heard < ENOUGH_HEARD:
        return result(Outcome.MISHEARD, f"asked {question!r}, understood {user!r}")
    if report.errors or not assistant:
        return result(Outcome.UNANSWERED, "; ".join(report.errors) or "nobody answered")
    if first_ms is None:
        return result(Outcome.SILENT, f"{assistant!r} was written and not spoken")
    return result(Outcome.OK, assistant)


def share_heard(said: str, understood: str) -> float:
    """The share of the words of `said` that `understood` has in the same order, 0 to 1."""
    words, found = _words(said), _words(understood)
    same = sum(block.size for block in SequenceMatcher(None, words, found, autojunk=False).get_matching_blocks())
    return same / len(words) if words else 1.0


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
