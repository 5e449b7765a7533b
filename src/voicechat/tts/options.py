"""What a `Start` asks for, checked."""

from __future__ import annotations

import difflib
import secrets
from dataclasses import dataclass

from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.tts.engine import Prosody, VoiceTraits
from voicechat.tts.refusal import invalid
from voicechat.tts.scheduler import Pace

DEFAULT_SENTENCE_SILENCE_MS = 150
_MAX_SKIP_MS = 3_600_000
_MAX_SEGMENT = 1_000_000
_SEED_BITS = 63


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """How one reply is spoken and sent. `first_segment` above 0: it goes on where another worker broke off."""

    prosody: Prosody
    sample_rate_hz: int
    pace: Pace
    sentence_silence_ms: int
    skip_ms: int
    first_segment: int = 0


def pace_of(start: pb.Start) -> Pace:
    """REALTIME where nothing is asked for. Raises `Refusal`."""
    match start.pace:
        case pb.PACE_UNSPECIFIED | pb.REALTIME:
            return Pace.REALTIME
        case pb.BULK:
            return Pace.BULK
        case other:
            raise invalid(f"pace {other} is unknown; allowed are REALTIME (1) and BULK (2)")


def check_ranges(start: pb.Start) -> None:
    """Refuse numbers outside their range, by name. Raises `Refusal`."""
    _in_range("speed", start.speed if start.HasField("speed") else None, 0.25, 4.0)
    _in_range("noise_scale", start.noise_scale if start.HasField("noise_scale") else None, 0.0, 2.0)
    _in_range("noise_w", start.noise_w if start.HasField("noise_w") else None, 0.0, 2.0)
    _in_range("sentence_silence_ms", start.sentence_silence_ms, 0, 5000)
    _in_range("sample_rate", start.sample_rate or None, 8000, 48000)
    _in_range("skip_ms", start.skip_ms, 0, _MAX_SKIP_MS)
    _in_range("first_segment", start.first_segment, 0, _MAX_SEGMENT)


def reply_options(start: pb.Start, traits: VoiceTraits) -> ReplyOptions:
    """What `start` means for a voice with `traits`. Raises `Refusal`."""
    _check_language(start.language, traits.language)
    silence_set = start.HasField("sentence_silence_ms")
    return ReplyOptions(
        prosody=Prosody(
            speaker=_speaker(start, traits),
            speed=start.speed if start.HasField("speed") else 1.0,
            noise_scale=start.noise_scale if start.HasField("noise_scale") else None,
            noise_w=start.noise_w if start.HasField("noise_w") else None,
            seed=start.seed if start.HasField("seed") else secrets.randbits(_SEED_BITS),
        ),
        sample_rate_hz=start.sample_rate or traits.sample_rate_hz,
        pace=pace_of(start),
        sentence_silence_ms=start.sentence_silence_ms if silence_set else DEFAULT_SENTENCE_SILENCE_MS,
        skip_ms=start.skip_ms,
        first_segment=start.first_segment,
    )


def _in_range(name: str, value: float | None, low: float, high: float) -> None:
    # Written so that NaN is refused too.
    if value is not None and not low <= value <= high:
        raise invalid(f"{name} is {value:g}; it must be {low:g} to {high:g}")


def _check_language(wanted: str, spoken: str) -> None:
    if wanted and wanted.lower().split("-")[0] != spoken.lower().split("-")[0]:
        raise invalid(f"language is {wanted!r}, but this model speaks {spoken!r}; choose a model of that language")


def _speaker(start: pb.Start, traits: VoiceTraits) -> int:
    speakers = traits.speakers
    if start.HasField("speaker"):
        _in_range("speaker", start.speaker, 0, len(speakers) - 1)
        return start.speaker
    if start.voice in ("", "default"):
        return 0
    if start.voice not in speakers:
        near = difflib.get_close_matches(start.voice, speakers, n=3, cutoff=0.4) or speakers[:5]
        raise invalid(f"voice {start.voice!r} is unknown to this model; the nearest are {', '.join(near)}")
    return speakers.index(start.voice)
