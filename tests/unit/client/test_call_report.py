from __future__ import annotations

from typing import Any

import numpy as np

from voicechat.client.microphone import ScriptedMicrophone
from voicechat.client.playout import PlayoutBuffer
from voicechat.client.report import CallReport
from voicechat.client.turns import TurnLog


def reply(number: int, user: str, said: str, status: str) -> list[dict[str, Any]]:
    content = [{"type": "output_audio", "transcript": said}]
    item = {"type": "message", "id": f"a{number}", "content": content}
    return [
        {"type": "input_audio_buffer.committed", "item_id": f"u{number}"},
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": f"u{number}",
            "transcript": user,
        },
        {"type": "response.created", "response": {"id": f"r{number}"}},
        {"type": "response.output_item.added", "response_id": f"r{number}", "item": item},
        {"type": "response.done", "response": {"id": f"r{number}", "status": status, "output": [item]}},
    ]


def report(heard: dict[str, int], *events: dict[str, Any]) -> list[dict[str, Any]]:
    log, playout = TurnLog(), PlayoutBuffer()
    for event in events:
        log.add(event)
    for item_id, samples in heard.items():
        playout.push(item_id, np.ones(samples, np.int16))
        playout.read(samples)
    turns: list[dict[str, Any]] = CallReport(log, ScriptedMicrophone(0.0), playout).as_json()["turns"]
    return turns


def test_words_that_go_on_before_a_reply_is_heard_are_one_turn() -> None:
    (turn,) = report(
        {"a2": 2400}, *reply(1, "Ever tried.", "", "cancelled"), *reply(2, "Ever failed.", "No matter.", "completed")
    )

    assert (turn["user"], turn["assistant"], turn["audio_ms"]) == ("Ever tried. Ever failed.", "No matter.", 100.0)
    assert not turn["interrupted"]


def test_a_reply_of_which_something_was_heard_ends_its_turn() -> None:
    first, second = report(
        {"a1": 480, "a2": 2400}, *reply(1, "What?", "It", "cancelled"), *reply(2, "No.", "Sorry.", "completed")
    )

    assert (first["user"], first["interrupted"]) == ("What?", True)
    assert (second["user"], second["interrupted"]) == ("No.", False)


def test_the_last_words_are_a_turn_even_if_nothing_was_heard() -> None:
    (turn,) = report({}, *reply(1, "What?", "", "cancelled"))

    assert (turn["user"], turn["audio_ms"], turn["interrupted"]) == ("What?", 0, True)
