"""What a fuzzer sends: requests, events and recordings that are almost right."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from support.riff import wav

from voicechat.audio.encode import AudioFormat, make_encoder
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.transports.realtime.inbound import HANDLERS

FACTOR = int(os.environ.get("FUZZ_FACTOR", "1"))
"""How many times as much is tried as in a run of the tests."""
REPORT = os.environ.get("FUZZ_REPORT")
"""Where the counts go, a JSON file."""


def tries(count: int) -> settings:
    """`count` examples, times the factor. Each costs real synthesis and recognition, so none is tried again smaller."""
    return settings(
        max_examples=count * FACTOR,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@dataclass
class Counts:
    """What was tried, and what came of it, by area."""

    areas: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, area: str, outcome: object) -> None:
        """One more."""
        self.areas.setdefault(area, Counter())[str(outcome)] += 1

    def write(self) -> None:
        """Keep them where the environment says."""
        if REPORT is not None:
            shown = {area: dict(sorted(counts.items())) for area, counts in self.areas.items()}
            Path(REPORT).write_text(json.dumps(shown, indent=1) + "\n")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10_000, 10_000) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    ["event_id", "audio", "item", "item_id", "session", "response", "audio_end_ms", "content_index", "previous_item_id"]
)
_MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
_SESSION = {"type": "realtime", "instructions": "Be brief."}
_PLAUSIBLE = [
    {"type": "input_audio_buffer.append", "audio": "AAAA" * 400},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "response.create"},
    {"type": "response.cancel"},
    {"type": "conversation.item.create", "item": _MESSAGE},
    {"type": "session.update", "session": _SESSION},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}},
]
EVENTS: st.SearchStrategy[list[Any]] = st.lists(
    st.sampled_from(_PLAUSIBLE)
    | st.builds(
        lambda kind, fields: {**fields, "type": kind},
        st.sampled_from(sorted(HANDLERS)),
        st.dictionaries(_FIELDS, JSON, max_size=4),
    )
    | JSON,
    max_size=14,
)
"""What a client of the Realtime WebSocket sends."""

_U32 = st.integers(0, 2**32 - 1)
_START = st.builds(
    pb.Start,
    model_id=st.sampled_from(["", "", "", "piper-en-us-joe-medium", "piper-en-us-lessac-medium", "nobody", "x" * 300]),
    voice=st.sampled_from(["", "", "default", "nobody"]),
    language=st.sampled_from(["", "", "en", "en-US", "de", "?"]),
    speed=st.sampled_from([1.0, 1.0, 0.25, 4.0, 0.0, -1.0, float("nan"), float("inf")]),
    seed=st.sampled_from([0, 1, 2**63]),
    sample_rate=st.sampled_from([0, 0, 8000, 24_000, 48_000, 1, 2**31]),
    sentence_silence_ms=st.sampled_from([0, 150, 5000, 5001]),
    pace=st.sampled_from([0, 1, 2, 7]),
    skip_ms=st.sampled_from([0, 0, 500, 2**31]),
)
_TEXT = st.builds(
    lambda text: pb.SynthesizeRequest(text=pb.Text(text=text)),
    st.sampled_from(["Hello there. ", "Well, ", "one two three", "", " ", "$5.20!", "\u0000", "é" * 300, "\U0001f600"])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
_CONTROL = st.sampled_from(
    [
        pb.SynthesizeRequest(flush=pb.Flush()),
        pb.SynthesizeRequest(pause=pb.Pause()),
        pb.SynthesizeRequest(resume=pb.Resume()),
        pb.SynthesizeRequest(stop=pb.Stop()),
    ]
)
_REQUEST = st.one_of(
    _TEXT,
    _CONTROL,
    st.builds(lambda start: pb.SynthesizeRequest(start=start), _START),
    st.builds(lambda samples: pb.SynthesizeRequest(played=pb.Played(samples=samples)), _U32),
    st.sampled_from([pb.SynthesizeRequest(end=pb.End()), pb.SynthesizeRequest()]),
)
_GOOD_START = st.just(pb.SynthesizeRequest(start=pb.Start(seed=1)))
_IN_ORDER = st.builds(lambda first, rest: [first, *rest], _GOOD_START, st.lists(_TEXT | _CONTROL, max_size=10))
_ANYHOW = st.builds(lambda first, rest: [first, *rest], _GOOD_START | _REQUEST, st.lists(_REQUEST, max_size=10))
REQUESTS: st.SearchStrategy[list[pb.SynthesizeRequest]] = _IN_ORDER | _ANYHOW
"""What a client of the worker sends on one stream."""


def recordings() -> list[bytes]:
    """A second of noise and tone in every format."""
    at = np.arange(24_000) / 24_000
    noise = np.random.default_rng(0).normal(0, 300, at.size)
    pcm = (3000 * np.sin(2 * np.pi * 220 * at) + noise).astype(np.int16)
    made = []
    for audio_format in AudioFormat:
        encoder = make_encoder(audio_format, 24_000)
        made.append(encoder.push(pcm) + encoder.finish())
    return made


def _damaged(whole: bytes, damage: list[tuple[float, bytes]], cut: float) -> bytes:
    broken = bytearray(whole)
    for where, what in damage:
        at = int(where * len(broken))
        broken[at : at + len(what)] = what
    return bytes(broken[: int(cut * len(broken))])


def damaged(whole: list[bytes]) -> st.SearchStrategy[bytes]:
    """Recordings with some bytes changed, most of them in the headers, and often cut."""
    place = st.floats(0, 0.02) | st.floats(0, 1)
    damage = st.lists(st.tuples(place, st.binary(min_size=1, max_size=8)), max_size=8)
    return st.builds(_damaged, st.sampled_from(whole), damage, st.just(1.0) | st.floats(0, 1))


HEADERS = st.builds(
    wav,
    st.sampled_from([0, 1, 3_999, 4_000, 8_000, 16_000, 48_000, 384_000, 2**31, 2**32 - 1]),
    st.sampled_from([0, 1, 2, 7, 255, 65_535]),
    st.sampled_from([0, 1, 8, 16, 24, 32, 64, 65_535]),
    st.binary(max_size=4_000),
    st.none() | st.sampled_from([0, 1, 2**31, 2**32 - 1]),
    st.sampled_from([1, 1, 3, 6, 7, 17, 85, 65_534]),
)
"""Recordings whose header says anything of what follows."""


def bomb(seconds: float) -> bytes:
    """So much silence in a file of some kilobytes."""
    rate_hz = 4_000
    encoder = make_encoder(AudioFormat.FLAC, rate_hz)
    minute = np.zeros(60 * rate_hz, np.int16)
    return b"".join(encoder.push(minute) for _ in range(math.ceil(seconds / 60))) + encoder.finish()
