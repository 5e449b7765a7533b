"""Sounds in which nobody speaks: made here, and the music and signals that Debian ships for telephone systems."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from voicechat.asr.port import EARS_RATE_HZ
from voicechat.audio.pcm import Pcm16
from voicechat.bench.prompts import MUSIC, PROMPTS, read_g722

Samples = npt.NDArray[np.float64]

SIGNALS = (
    "ascending-2tone",
    "beep",
    "beeperr",
    "confbridge-join",
    "confbridge-leave",
    "descending-2tone",
    "tt-monkeys",
)
MUSIC_CUTS = 6
MUSIC_CUT_S = 8.0
_LEVEL = 3000.0
_SCALE_HZ = (220.0, 246.9, 277.2, 329.6, 370.0, 440.0)


def sounds() -> Iterator[tuple[str, Pcm16]]:
    """Name and audio of each: int16, mono, 16 kHz. Recordings that are not installed are left out."""
    yield from made_sounds()
    for name in SIGNALS:
        if (path := PROMPTS / f"{name}.g722").exists():
            yield f"recorded {name}", read_g722(path)
    for path in sorted(MUSIC.glob("*.g722")):
        yield from _cuts(f"music on hold, {path.stem}", read_g722(path))


def made_sounds() -> Iterator[tuple[str, Pcm16]]:
    """Silence, noises, hum, breath, knocks and two kinds of music, the same every time."""
    rng = np.random.default_rng(7)
    for seconds in (0.5, 2.0, 5.0, 12.0):
        yield f"silence {seconds:g} s", _pcm(_time(seconds) * 0)
        for exponent, colour in ((0.0, "white"), (0.5, "pink"), (1.0, "brown")):
            for level in (100.0, _LEVEL):
                yield f"{colour} noise {seconds:g} s, level {level:g}", _pcm(coloured(rng, seconds, exponent) * level)
        yield f"hum {seconds:g} s", _pcm(_hum(seconds))
        yield f"breath {seconds:g} s", _pcm(_breath(rng, seconds))
        yield f"knocks {seconds:g} s", _pcm(_bursts(rng, seconds, every_s=0.35, decay_s=0.01))
        yield f"coughs {seconds:g} s", _pcm(_bursts(rng, seconds, every_s=0.9, decay_s=0.12))
        yield f"melody {seconds:g} s", _pcm(_melody(rng, seconds))
        yield f"chords and drum {seconds:g} s", _pcm(_melody(rng, seconds, voices=3) + _drum(rng, seconds))


def coloured(rng: np.random.Generator, seconds: float, exponent: float) -> Samples:
    """Noise of RMS 1 whose power falls with frequency by twice `exponent`: 0 white, 0.5 pink, 1 brown."""
    count = round(seconds * EARS_RATE_HZ)
    frequencies = np.maximum(np.fft.rfftfreq(count, 1 / EARS_RATE_HZ), 50.0)
    noise = np.fft.irfft(np.fft.rfft(rng.normal(size=count)) / frequencies**exponent, count)
    return np.asarray(noise / np.sqrt(np.mean(np.square(noise))))


def _cuts(name: str, pcm: Pcm16) -> Iterator[tuple[str, Pcm16]]:
    size = round(MUSIC_CUT_S * EARS_RATE_HZ)
    starts = np.linspace(0, max(0, pcm.size - size), MUSIC_CUTS).astype(int)
    for start in starts:
        yield f"{name}, from {start / EARS_RATE_HZ:.0f} s", pcm[start : start + size]


def _time(seconds: float) -> Samples:
    return np.arange(round(seconds * EARS_RATE_HZ)) / EARS_RATE_HZ


def _hum(seconds: float) -> Samples:
    time_s = _time(seconds)
    return np.asarray(sum(np.sin(2 * np.pi * 50 * k * time_s) / k for k in range(1, 8)) * _LEVEL)


def _breath(rng: np.random.Generator, seconds: float) -> Samples:
    in_and_out = np.square(np.sin(np.pi * _time(seconds) / 1.6))
    return np.asarray(coloured(rng, seconds, 0.3) * in_and_out * _LEVEL / 4)


def _bursts(rng: np.random.Generator, seconds: float, every_s: float, decay_s: float) -> Samples:
    since_s = _time(seconds) % every_s
    return np.asarray(coloured(rng, seconds, 0.5) * np.exp(-since_s / decay_s) * 3 * _LEVEL)


def _melody(rng: np.random.Generator, seconds: float, voices: int = 1) -> Samples:
    note_s = 0.3
    time_s = _time(seconds)
    notes = rng.choice(_SCALE_HZ, size=(voices, int(seconds / note_s) + 1))
    fade = np.exp(-(time_s % note_s) / 0.25)
    tones = (_string(line[(time_s / note_s).astype(int)], time_s) for line in notes)
    return np.asarray(sum(tones) * fade * _LEVEL / voices)


def _string(frequency_hz: Samples, time_s: Samples) -> Samples:
    return np.asarray(sum(np.sin(2 * np.pi * frequency_hz * k * time_s) / k**1.5 for k in range(1, 6)))


def _drum(rng: np.random.Generator, seconds: float) -> Samples:
    return _bursts(rng, seconds, every_s=0.6, decay_s=0.05) / 2


def _pcm(samples: Samples) -> Pcm16:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
