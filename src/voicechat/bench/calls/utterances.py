"""What callers say: sentences of 2 to 8 s by a person and by a synthetic voice, all equally loud."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import av
import numpy as np

from voicechat.audio.pcm import Pcm16, ms_to_samples, to_float, to_int16
from voicechat.audio.resample import resample
from voicechat.bench.systems.port import BenchError
from voicechat.bench.systems.worker import own_worker
from voicechat.client.playout import RATE_HZ
from voicechat.client.voiced import MARGIN_MS, voiced_stretches
from voicechat.fleet.port import AudioChunk, Pace, SpeechRequest
from voicechat.settings import Settings

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
PROMPT_WORDS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
SHORTEST_S, LONGEST_S = 2.0, 8.0
LEVEL_DBFS = -26.0
"""RMS over the voiced frames of every utterance."""

_JOIN_S = 60.0
_SENTENCE = re.compile(r"[A-Z][^.?!*:()\[\]]{25,}[.?!]$")
"""One sentence, begun and ended: no list, no half of one."""

QUESTIONS = (
    "Could you tell me what the weather is usually like in April?",
    "How long does it take to boil an egg?",
    "I would like to know how a bicycle stays upright.",
    "What is the difference between a lake and a sea?",
    "Can you explain to me why the sky turns red in the evening?",
    "Which vegetables can I plant in a small garden in spring?",
    "Please give me a short idea for a birthday present for my sister.",
    "Why do cats sleep so much during the day?",
    "Do you know a good book about the history of the railways?",
    "What should I have for breakfast tomorrow morning?",
    "How many people does it take to sail a large ship across the ocean?",
    "Is it better to walk before dinner or after dinner?",
)
STORY = "Please tell me a very long story about a sailor and his ship."
"""What is asked for when the reply is to be talked over."""


class Speaker(StrEnum):
    """Who says it."""

    HUMAN = "human"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something to say: int16 mono at `RATE_HZ`, its words, and where in it speech truly begins and ends.

    Attributes:
        onset_ms: Start of the first voiced frame, by energy alone: a frame is 20 ms, within 30 dB of the loud ones.
        end_ms: End of the last voiced frame.
    """

    name: str
    speaker: Speaker
    text: str
    pcm: Pcm16
    onset_ms: float
    end_ms: float

    @property
    def speech_s(self) -> float:
        """From the first voiced frame to the last."""
        return (self.end_ms - self.onset_ms) / 1000


def make_utterance(name: str, speaker: Speaker, text: str, pcm: Pcm16) -> Utterance | None:
    """Cut to its speech and `MARGIN_MS` of what surrounds it, at `LEVEL_DBFS`; None where there is no voice."""
    stretches = voiced_stretches(pcm, RATE_HZ, _JOIN_S)
    if not stretches:
        return None
    start = max(0, ms_to_samples(stretches[0].start_ms - MARGIN_MS, RATE_HZ))
    cut = pcm[start : ms_to_samples(stretches[-1].end_ms + MARGIN_MS, RATE_HZ)]
    begins_ms = start * 1000 / RATE_HZ
    onset_ms, end_ms = stretches[0].start_ms - begins_ms, stretches[-1].end_ms - begins_ms
    return Utterance(name, speaker, text, _levelled(cut, onset_ms, end_ms), onset_ms, end_ms)


def human_utterances(count: int) -> list[Utterance]:
    """`count` prompts of Debian's asterisk-core-sounds-en-g722, evenly over the alphabet. Raises `BenchError`."""
    if not PROMPTS.is_dir() or not PROMPT_WORDS.exists():
        raise BenchError(
            "recordings of a person are not installed: apt-get install asterisk-core-sounds-en "
            "asterisk-core-sounds-en-g722, or choose --voices synthetic"
        )
    return _spread(list(_prompts()), count)


async def synthetic_utterances(settings: Settings, texts: Sequence[str]) -> list[Utterance]:
    """`texts` said by the product's own worker, the same each time. Raises as `own_worker`."""
    async with own_worker(settings) as worker:
        request = SpeechRequest(model_id=worker.model_id, pace=Pace.BULK, sample_rate_hz=RATE_HZ, seed=1)
        said = []
        for index, text in enumerate(texts):
            async with worker.fleet.speak(request) as stream:
                await stream.push_text(text)
                await stream.end()
                pcm = np.concatenate([event.pcm async for event in stream if isinstance(event, AudioChunk)])
            utterance = make_utterance(f"synthetic-{index + 1}", Speaker.SYNTHETIC, text, pcm)
            assert utterance is not None
            said.append(utterance)
        return said


def told_utterances(utterances: Sequence[Utterance]) -> list[dict[str, Any]]:
    """Which they were, for reports."""
    return [
        {"name": one.name, "speaker": one.speaker, "text": one.text, "speech_s": round(one.speech_s, 2)}
        for one in utterances
    ]


def _levelled(pcm: Pcm16, onset_ms: float, end_ms: float) -> Pcm16:
    voiced = to_float(pcm[ms_to_samples(onset_ms, RATE_HZ) : ms_to_samples(end_ms, RATE_HZ)])
    frame = RATE_HZ // 50
    power = np.mean(np.square(voiced[: voiced.size // frame * frame].reshape(-1, frame)), axis=1)
    loud = power[power > np.percentile(power, 95) / 1000]
    gain = 10 ** (LEVEL_DBFS / 20) / float(np.sqrt(np.mean(loud)))
    return to_int16(to_float(pcm) * np.float32(gain))


def _prompts() -> Iterator[Utterance]:
    with gzip.open(PROMPT_WORDS, "rt") as file:
        told = [found for line in file if (found := re.match(r"([\w/-]+): (.+)", line))]
    for name, words in sorted((one[1], one[2].strip()) for one in told):
        path = PROMPTS / f"{name}.g722"
        if _SENTENCE.match(words) and path.exists():
            utterance = make_utterance(name, Speaker.HUMAN, words, _decode(path))
            if utterance is not None and SHORTEST_S <= utterance.speech_s <= LONGEST_S:
                yield utterance


def _decode(path: Path) -> Pcm16:
    with av.open(str(path)) as container:
        (stream,) = container.streams.audio
        pcm = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(stream)])
        return resample(pcm.astype(np.int16), stream.rate, RATE_HZ)


def _spread(found: Sequence[Utterance], count: int) -> list[Utterance]:
    if count >= len(found):
        return list(found)
    return [found[round(index * (len(found) - 1) / max(1, count - 1))] for index in range(count)]
