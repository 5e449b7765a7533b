"""`voicechat bench ttfa` on a real worker, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from voicechat.bench.fidelity import compare, differences
from voicechat.bench.place import voice_file
from voicechat.bench.uncut import UncutVoice
from voicechat.settings import load_settings
from voicechat.tts.engine import Prosody
from voicechat.tts.engines.piper.voice import PiperEngine


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-c", "from voicechat.cli import main; main()", "bench", *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=150)


def test_first_audio_of_a_real_worker_is_told_with_what_it_was_measured_on(tmp_path: Path) -> None:
    run = bench("ttfa", "--repeats", "1", "--output", str(tmp_path / "ttfa.json"))
    assert run.returncode == 0, run.stderr
    assert "First audio" in run.stderr
    report = json.loads((tmp_path / "ttfa.json").read_text())
    assert report["machine"]["cores"] >= 1
    assert [row["sentence"] for row in report["results"]] == ["short", "long-plain", "long-clauses"]
    assert len(report["measurements"]) == 3
    for row in report["results"]:
        assert 0 < row["first_audio_ms"]["p50"] <= row["gapless_ms"]["p50"]
        assert row["first_sound_ms"]["p50"] >= row["first_audio_ms"]["p50"]
    short, plain, _ = report["results"]
    assert 2.5 < short["audio_s"] < 4.5 < plain["audio_s"] < 11


def test_a_peer_that_does_not_exist_is_refused_before_anything_starts() -> None:
    run = bench("ttfa", "--peers", "nobody")
    assert run.returncode == 1
    assert "no peer is called nobody" in run.stderr
    assert run.stdout == ""


@pytest.mark.parametrize("text", ["Engine.", "The quiet market, for once, was open until seven."])
def test_the_voice_speaks_what_the_uncut_graph_speaks(text: str) -> None:
    path = voice_file(load_settings(None, {}, {}))
    compared = compare(PiperEngine().load(path.parent), UncutVoice(path), text, seed=7)
    assert compared.relative_rms <= 1e-4
    assert compared.audio_s > 0.3


def test_other_noise_is_told_apart() -> None:
    uncut = UncutVoice(voice_file(load_settings(None, {}, {})))
    one, other = (uncut.speak("Engine.", Prosody(seed=seed)) for seed in (1, 2))
    assert differences(one, other)[0] > 0.1
