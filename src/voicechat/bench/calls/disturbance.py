"""Sounds that are nobody's turn, made over a reply: it must go on, whole, and be the only one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from voicechat.audio.pcm import Pcm16, ms_to_samples, to_float, to_int16
from voicechat.audio.resample import resample
from voicechat.bench.calls.call import Call, calling
from voicechat.bench.calls.conversation import ANSWER_TIMEOUT_MS, QUIET_MS
from voicechat.bench.calls.interruption import sent_audio
from voicechat.bench.calls.line import Assistant, CallWish, Paused, ReplyBegan, TurnTaken
from voicechat.bench.calls.setting import assistants
from voicechat.bench.calls.tap import TappedReply, VoiceTap
from voicechat.bench.calls.utterances import LEVEL_DBFS, STORY, Speaker, Utterance, synthetic_utterances
from voicechat.bench.report import Bar, Measuring, progress, show_table
from voicechat.bench.sounds import sounds
from voicechat.client.playout import RATE_HZ
from voicechat.settings import Settings

WISH = CallWish("You are a storyteller. Every answer is a long story of many sentences.", 100)
LISTEN_MS = 1500.0
"""Of the reply, before the first sound."""
LONGEST_S = 2.5
OUT_OF_PLACE_DB = -12.0
"""Difference to what the worker gave, beside it, from which 100 ms count as lost, repeated or out of place."""
CHOSEN = (
    "silence 2 s", "white noise 2 s, level 3000", "pink noise 2 s, level 3000", "brown noise 2 s, level 3000",
    "white noise 2 s, level 100", "hum 2 s", "breath 2 s", "breath 5 s",
    "knocks 0.5 s", "knocks 2 s", "coughs 0.5 s", "coughs 2 s",
    "melody 2 s", "chords and drum 2 s", "recorded beep", "recorded beeperr", "recorded ascending-2tone",
    "recorded confbridge-join", "recorded confbridge-leave", "recorded descending-2tone",
)  # fmt: skip
ECHO_DB = -20.0
ECHO_DELAYS_MS = (50.0, 150.0, 250.0)


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What became of one reply.

    Attributes:
        sound: What was made over it.
        turns: The person's turns that were taken after the question.
        replies: That began after the first.
        pauses: How often the reply was held.
        heard_s: How much of it was heard.
        whole: Everything that the worker gave came, in its order.
        out_of_place: Stretches of 100 ms that were not what the worker gave at their place.
    """

    sound: str
    turns: int
    replies: int
    pauses: int
    heard_s: float
    whole: bool
    out_of_place: int

    @property
    def kept(self) -> bool:
        """Nobody's turn, every word once."""
        return not self.turns and not self.replies and self.whole and not self.out_of_place


def run_disturbance(settings: Settings) -> dict[str, Any]:
    """Measure, show the table, and return the report."""
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> dict[str, Any]:
    (story,) = await synthetic_utterances(settings, [STORY])
    measuring = Measuring("disturbance", {"level_dbfs": LEVEL_DBFS, "echo_db": ECHO_DB})
    async with assistants(settings, None, (), tap=True) as ((assistant, *_), own):
        assert own is not None
        assert own.tap is not None
        found = []
        for name, sound in _sounds():
            progress(name)
            found.append(await _disturb(assistant, own.tap, story, name, sound, None))
        for delay_ms in ECHO_DELAYS_MS:
            name = f"its own echo, {ECHO_DB:g} dB, {delay_ms:g} ms"
            progress(name)
            found.append(await _disturb(assistant, own.tap, story, name, None, delay_ms))
    header = ("sound", "turns", "pauses", "heard, s", "out of place", "kept")
    show_table("Sounds over a reply", header, [_cells(one) for one in found])
    bar = Bar("replies that were cut, repeated or answered twice", sum(not one.kept for one in found), at_most=0)
    return measuring.report([bar], rows=[{**asdict(one), "kept": one.kept} for one in found])


def _cells(one: Undisturbed) -> tuple[str, ...]:
    return (
        one.sound,
        str(one.turns),
        str(one.pauses),
        f"{one.heard_s:.1f}",
        str(one.out_of_place),
        "yes" if one.kept else "no",
    )


def _sounds() -> Iterator[tuple[str, Utterance]]:
    known = dict(sounds())
    for name in CHOSEN:
        if name not in known:
            continue
        pcm = resample(known[name][: round(LONGEST_S * 16_000)], 16_000, RATE_HZ)
        level = float(np.sqrt(np.mean(np.square(to_float(pcm)))))
        gain = min(1.0, 10 ** (LEVEL_DBFS / 20) / level) if level else 1.0
        pcm = to_int16(to_float(pcm) * np.float32(gain))
        yield name, Utterance(name, Speaker.SYNTHETIC, "", pcm, 0.0, pcm.size * 1000 / RATE_HZ)


async def _disturb(
    assistant: Assistant, tap: VoiceTap, story: Utterance, name: str, sound: Utterance | None, echo_ms: float | None
) -> Undisturbed:
    async with calling(assistant, WISH, None, 0) as call:
        if echo_ms is not None:
            call.mouth.leak(lambda at_ms: _leak(call, at_ms - echo_ms))
        asked = await call.say(story)
        await call.hears_reply(asked.end_ms, LISTEN_MS, asked.end_ms + ANSWER_TIMEOUT_MS)
        item_id, _ = call.ear.progress
        since_ms = call.now_ms
        while sound is not None and call.open_replies:
            call.begin(sound)
            await call.mouth.said()
            await asyncio.sleep(1.0)
        await call.quiet(QUIET_MS, call.now_ms + 3 * ANSWER_TIMEOUT_MS)
        sent = sent_audio(call, item_id)
        given = tap.reply_of(sent)
        return Undisturbed(
            name,
            turns=len(call.signals(TurnTaken, since_ms)),
            replies=len(call.signals(ReplyBegan, since_ms)),
            pauses=len(call.signals(Paused, since_ms)),
            heard_s=round(call.ear.heard_ms(item_id) / 1000, 2),
            whole=given is not None and abs(given.pcm.size - sent.size) < RATE_HZ // 10,
            out_of_place=0 if given is None else _out_of_place(sent, given),
        )


def _leak(call: Call, at_ms: float) -> Pcm16:
    """What the caller's loudspeaker played in the 20 ms from `at_ms` on, `ECHO_DB` softer."""
    call.ear.advance(call.now_ms)
    out = np.zeros(ms_to_samples(20.0, RATE_HZ), np.float32)
    for piece in call.ear.pieces[-60:]:
        start = ms_to_samples(piece.at_ms - at_ms, RATE_HZ)
        low, high = max(0, start), min(out.size, start + piece.pcm.size)
        if low < high:
            out[low:high] = to_float(piece.pcm[low - start : high - start]) * 10 ** (ECHO_DB / 20)
    return to_int16(out)


def _out_of_place(sent: Pcm16, given: TappedReply) -> int:
    """Stretches of 100 ms that no gain makes what the worker gave at the same place."""
    size = min(sent.size, given.pcm.size) // 2400 * 2400
    pairs = zip(_blocks(sent[:size]), _blocks(given.pcm[:size]), strict=True)
    return sum(_differs(*pair) for pair in pairs)


def _blocks(pcm: Pcm16) -> Sequence[Pcm16]:
    return np.split(pcm, pcm.size // 2400) if pcm.size else []


def _differs(sent: Pcm16, given: Pcm16) -> bool:
    heard, asked = to_float(sent), to_float(given)
    power = float(np.dot(asked, asked))
    if power / asked.size < 10 ** (-50 / 10) or float(np.dot(heard, heard)) / heard.size < 10 ** (-60 / 10):
        return False
    gain = float(np.dot(heard, asked)) / power
    rest = heard - gain * asked
    return float(np.dot(rest, rest)) > 10 ** (OUT_OF_PLACE_DB / 10) * max(float(np.dot(heard, heard)), 1e-9) * 4
