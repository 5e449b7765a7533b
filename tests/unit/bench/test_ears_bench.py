"""The ears bench draws the same recordings each time, and counts what each system heard of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voicechat.asr.port import EARS_RATE_HZ
from voicechat.bench.ears_cases import Selection, UnknownPart, draw, noisy, word_cases
from voicechat.bench.ears_report import ears_report
from voicechat.bench.prompts import Prompt
from voicechat.bench.report import Measuring

CHOSEN = Selection(("clean",), sample=10, seed=1, timed=0, endpoint_s=0.45)
FOUND = [Prompt(f"prompt {i}", "words", Path(f"{i}.g722")) for i in range(100)]


def row(system: str, said: str, text: str, **more: Any) -> dict[str, Any]:
    return {
        "system": system,
        "part": "clean",
        "name": said,
        "said": said,
        "seconds": 2.0,
        "text": text,
        "decodes": 2,
        **more,
    }


def report(*rows: dict[str, Any]) -> dict[str, Any]:
    return ears_report(Measuring("ears", {}), rows)


def test_a_larger_draw_of_the_same_seed_begins_with_the_smaller_one() -> None:
    drawn = draw(FOUND, CHOSEN)
    assert len(drawn) == 10
    assert draw(FOUND, replace(CHOSEN, sample=20))[:10] == drawn
    assert drawn != draw(FOUND, replace(CHOSEN, seed=2))


def test_without_a_sample_all_are_drawn() -> None:
    assert draw(FOUND, replace(CHOSEN, sample=None)) == FOUND


def test_a_part_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownPart, match="clean, telephone, long, nothing"):
        list(word_cases(replace(CHOSEN, parts=("loud",))))


@pytest.mark.parametrize("snr_db", [5.0, 20.0])
def test_noise_is_as_loud_as_asked(snr_db: float) -> None:
    time_s = np.arange(EARS_RATE_HZ) / EARS_RATE_HZ
    speech = (8000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)
    noise = noisy(speech, snr_db, seed=1).astype(np.float64) - speech
    ratio_db = 20 * np.log10(8000 / np.sqrt(2) / np.std(noise))
    assert ratio_db == pytest.approx(snr_db, abs=0.2)


def test_word_errors_are_those_of_the_pair_and_decodes_are_per_second() -> None:
    words = report(row("quick", "press one", "press won"), row("full", "press one", "press one"))["words"]["clean"]
    assert (words["quick_wer_percent"], words["full_wer_percent"], words["difference_points"]) == (50.0, 0.0, 50.0)
    assert words["quick_decodes_per_s"] == 1.0


def test_a_loop_of_the_quick_ears_breaks_the_bar() -> None:
    told = report(row("quick", "eleven", "11, 11, 11, 11"), row("full", "eleven", "11"))
    assert told["words"]["clean"]["quick_loops"] == [{"name": "eleven", "text": "11, 11, 11, 11"}]
    bar = next(bar for bar in told["bars"] if "loops" in bar["what"])
    assert bar["met"] is False


def test_words_heard_in_a_mere_sound_break_the_bar() -> None:
    sound = {"part": "nothing", "name": "hum"}
    told = report(row("quick", "", "Thank you.") | sound, row("full", "", "") | sound)
    assert told["nothing_said"]["quick"] == [{"sound": "hum", "text": "Thank you."}]
    assert [bar["met"] for bar in told["bars"] if "sounds" in bar["what"]] == [False]


def test_times_are_those_of_the_guess_that_stood() -> None:
    quick = {"part": "time", "ready_ms": 250.0, "final_ms": 451.0, "endpoint_ms": 450.0}
    full = {"part": "time", "ready_ms": 1000.0, "final_ms": 1000.0, "endpoint_ms": 450.0}
    times = report(row("quick", "press", "press") | quick, row("full", "press", "press") | full)["times"]
    assert times["ready_by_the_endpoint_percent"] == 100.0
    assert times["times_sooner"] == 4.0
    assert json.dumps(times)
