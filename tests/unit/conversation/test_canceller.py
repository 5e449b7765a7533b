"""The assistant's own sound is taken out of the microphone, a person's is not."""

from __future__ import annotations

import numpy as np
import pytest

from voicechat.audio.pcm import Pcm16, rms_dbfs, to_float, to_int16
from voicechat.conversation.canceller import WebRtcCanceller

RATE_HZ = 16_000
LEAK = 10 ** (-20 / 20)


def babble(seconds: float, seed: int, level_dbfs: float) -> Pcm16:
    """Noise with the rhythm and the spectrum of speech."""
    rng = np.random.default_rng(seed)
    size = round(seconds * RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    sound = np.fft.irfft(spectrum / (1 + (hz / 500) ** 2), size)
    syllables = np.repeat(rng.uniform(0.05, 1.0, size // 3200 + 1), 3200)[:size]
    sound *= syllables
    scaled = sound * 10 ** (level_dbfs / 20) / np.sqrt(np.mean(np.square(sound)))
    return to_int16(np.clip(scaled, -1, 1).astype(np.float32))


def echo_of(far: Pcm16, delay_ms: int) -> Pcm16:
    return to_int16(np.pad(to_float(far), (delay_ms * RATE_HZ // 1000, 0))[: far.size] * np.float32(LEAK))


def through(far: Pcm16, near: Pcm16) -> Pcm16:
    canceller = WebRtcCanceller()
    heard = []
    for begin in range(0, near.size - 319, 320):
        canceller.plays(far[begin : begin + 320], RATE_HZ)
        heard.append(canceller.clean(near[begin : begin + 320]))
    return np.concatenate(heard)


@pytest.mark.parametrize("delay_ms", [50, 150, 250])
def test_an_echo_is_gone_from_the_first_second_on(delay_ms: int) -> None:
    far = babble(4.0, 1, -20)
    echo = echo_of(far, delay_ms)
    heard = through(far, echo)
    for second in range(1, 4):
        span = slice(second * RATE_HZ, (second + 1) * RATE_HZ)
        assert rms_dbfs(heard[span]) < rms_dbfs(echo[span]) - 15


def test_a_person_is_heard_over_the_echo() -> None:
    far, person = babble(4.0, 1, -20), babble(4.0, 2, -26)
    person[: 2 * RATE_HZ] = 0
    heard = through(far, to_int16(to_float(echo_of(far, 120)) + to_float(person)))
    assert rms_dbfs(heard[2 * RATE_HZ :]) == pytest.approx(rms_dbfs(person[2 * RATE_HZ : heard.size]), abs=4)


def test_nothing_is_touched_where_nothing_is_played() -> None:
    person = babble(0.2, 2, -26)
    assert np.array_equal(WebRtcCanceller().clean(person), person)


def test_what_the_client_will_not_play_is_no_echo() -> None:
    canceller = WebRtcCanceller()
    canceller.plays(babble(0.4, 1, -20), RATE_HZ)
    canceller.falls_silent()
    person = babble(0.2, 2, -26)
    assert np.array_equal(canceller.clean(person), person)


def test_a_person_over_a_reply_that_does_not_leak_is_left_as_they_are() -> None:
    far, person = babble(6.0, 1, -20), babble(6.0, 2, -26)
    person[: 2 * RATE_HZ] = 0
    heard = through(far, person)
    assert np.array_equal(heard[2 * RATE_HZ :], person[2 * RATE_HZ : heard.size])


def test_an_echo_that_begins_later_is_found() -> None:
    far = babble(10.0, 1, -20)
    echo = echo_of(far, 150)
    echo[: 4 * RATE_HZ] = 0
    heard = through(far, echo)
    last = slice(8 * RATE_HZ, 10 * RATE_HZ)
    assert rms_dbfs(heard[last]) < rms_dbfs(echo[last]) - 15


@pytest.mark.parametrize("level_dbfs", [-36, -60])
def test_noise_is_no_echo(level_dbfs: int) -> None:
    far, noise = babble(4.0, 1, -20), babble(4.0, 3, level_dbfs)
    heard = through(far, noise)
    assert np.array_equal(heard[2 * RATE_HZ :], noise[2 * RATE_HZ : heard.size])


def test_a_person_who_talks_while_nobody_knows_of_an_echo_is_not_muted() -> None:
    far, person = babble(1.0, 1, -20), babble(1.0, 2, -26)
    assert rms_dbfs(through(far, person)) == pytest.approx(rms_dbfs(person), abs=0.2)


def test_an_echo_is_certain_only_once_it_was_found_twice_at_one_place() -> None:
    far, person = babble(3.0, 1, -20), babble(3.0, 2, -26)
    with_echo, without = WebRtcCanceller(), WebRtcCanceller()
    for begin in range(0, far.size - 319, 320):
        span = slice(begin, begin + 320)
        for canceller, near in ((with_echo, echo_of(far, 150)), (without, person)):
            canceller.plays(far[span], RATE_HZ)
            canceller.clean(near[span])
    assert with_echo.certain
    assert not without.certain
