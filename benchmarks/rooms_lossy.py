"""Conversations in a room over a network that loses packets and delays them unevenly, beside one that does neither.

The product and LiveKit live in one network namespace, the caller in another; the cable between them is in user space
(benchmarks/cable.py) and acts on UDP in both directions. Root only.

    PYTHONPATH=tests .venv/bin/python benchmarks/rooms_lossy.py [TURNS [OUTPUT.json]]
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from cable import Cable, Passed, Weather, cable, inside, told
from support.livekit import start_livekit
from support.stack import Stack, start_stack

from voicechat.audio.pcm import Pcm16
from voicechat.audio.wav import write_wav
from voicechat.bench.report import Measuring, write_report
from voicechat.client.playout import RATE_HZ

TURNS = 6
PRODUCT, CALLER = ("voicechat-product", "10.99.0.1"), ("voicechat-caller", "10.99.0.2")
WEATHERS = {"clean": Weather(), "10 % loss": Weather(loss=0.1), "10 % loss, jitter": Weather(0.1, 100.0, 50.0)}
"""The last: delays of 0 to 200 ms in nearly all cases, so that neighbours are some 100 ms apart as they arrive."""
READY_TIMEOUT_S, CALL_TIMEOUT_S = 120.0, 240.0
ANSWER_TIMEOUT_MS = 20_000.0
WHOLE_REPLY_MS = 30_000.0
QUIET_MS = 800.0


# --- in the caller's namespace


async def converse(url: str, turns: int) -> dict[str, Any]:
    """Talk, and compare the words of both sides with what the other understood."""
    from voicechat.bench.calls.call import calling
    from voicechat.bench.calls.line import CallWish
    from voicechat.bench.calls.livekit_line import LiveKitAssistant, LiveKitLine
    from voicechat.bench.calls.turns import summarize_turns
    from voicechat.bench.calls.utterances import human_utterances
    from voicechat.bench.wer import word_error_rate, word_errors

    rows, heard_of_us, heard_of_it, reception = [], [], [], {}
    assistant = LiveKitAssistant(url, {})
    async with calling(assistant, CallWish(max_output_tokens=24), None, 0) as call, httpx.AsyncClient() as client:
        assert isinstance(call.line, LiveKitLine)
        for utterance in human_utterances(turns):
            figures, said, sound = await _turn(call, utterance)
            rows.append(figures)
            heard_of_us.append(word_errors(utterance.text, figures.text))
            understood = await _recognised(client, url, sound)
            heard_of_it.append(word_errors(said, understood))
            print(json.dumps({"said": said, "understood": understood}), file=sys.stderr)
        reception = await call.line.reception()
    return {
        **summarize_turns(rows),
        "words_of_the_caller_wrong_percent": round(word_error_rate(heard_of_us), 1),
        "words_of_the_reply_wrong_percent": round(word_error_rate(heard_of_it), 1),
        "reception": reception,
        "turns_told": [
            {"utterance": row.utterance, "recognised": row.text, "audible_ms": row.audible_ms, "cut_off": row.cut_off}
            for row in rows
        ],
    }


async def _turn(call: Any, utterance: Any) -> tuple[Any, str, Pcm16]:
    """One turn to the end of its reply: its figures, the reply's words, and its sound as it was heard."""
    from voicechat.bench.calls.line import ReplyOver
    from voicechat.bench.calls.turns import measure_turn

    spoken = await call.say(utterance)
    await call.hears_reply(spoken.end_ms, WHOLE_REPLY_MS, spoken.end_ms + ANSWER_TIMEOUT_MS)
    await call.quiet(QUIET_MS, call.now_ms + ANSWER_TIMEOUT_MS)
    pieces = [piece for piece in call.ear.pieces if piece.at_ms >= spoken.end_ms]
    items = list(dict.fromkeys(piece.item_id for piece in pieces))
    said = [await call.line.history(item) or "" for item in items]
    assert call.signals(ReplyOver, spoken.onset_ms), "the reply did not end"
    sound = np.concatenate([piece.pcm for piece in pieces]) if pieces else np.zeros(0, np.int16)
    return measure_turn(call, 0, spoken), " ".join(said), sound


async def _recognised(client: httpx.AsyncClient, url: str, sound: Pcm16) -> str:
    if not sound.size:
        return ""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        write_wav(Path(wav.name), sound, RATE_HZ)
        files = {"file": ("reply.wav", wav.read(), "audio/wav")}
    answer = await client.post(f"{url}/v1/audio/transcriptions", files=files, data={"model": "whisper-1"}, timeout=60)
    answer.raise_for_status()
    text: str = answer.json()["text"]
    return text


# --- outside


def call_from_afar(url: str, turns: int) -> dict[str, Any]:
    command = [*inside(CALLER[0]), sys.executable, __file__, "--call", url, str(turns)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=CALL_TIMEOUT_S, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(laid: Cable, url: str, turns: int) -> dict[str, Any]:
    results = {}
    for name, weather in WEATHERS.items():
        laid.weather, laid.passed = weather, Passed()
        results[name] = {**call_from_afar(url, turns), **told(weather, laid.passed)}
    return results


def wait_until_open(stack: Stack) -> None:
    deadline_s = time.monotonic() + READY_TIMEOUT_S
    while "open " not in stack.log.read_text():
        if stack.process.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError(f"voicechat up did not get ready:\n{stack.log.read_text()}")
        time.sleep(0.2)


def main(turns: int, output: Path | None) -> None:
    directory = Path(tempfile.mkdtemp())
    with cable(PRODUCT, CALLER) as laid:
        livekit = start_livekit(directory, wrapper=inside(PRODUCT[0]), address=PRODUCT[1])
        try:
            livekit.wait_until_ready(inside(PRODUCT[0]))
            options = ("--mind", "embedded", "--set", "llm.temperature=0", "--set", "access.insecure=true")
            stack = start_stack(
                directory / "up.log",
                *options,
                "--set",
                f"server.host={PRODUCT[1]}",
                wrapper=inside(PRODUCT[0]),
                environment=livekit.environment,
            )
            try:
                wait_until_open(stack)
                url = f"http://{PRODUCT[1]}:{stack.port}"
                call_from_afar(url, 1)
                measuring = Measuring("rooms-lossy", {"turns": turns})
                write_report(measuring.report((), networks=measure(laid, url, turns)), output)
            finally:
                stack.stop()
        finally:
            livekit.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--call"]:
        print(json.dumps(asyncio.run(converse(sys.argv[2], int(sys.argv[3])))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
