from __future__ import annotations

from typing import Any

import pytest

from voicechat.conversation.port import FunctionTool
from voicechat.transports.realtime.session_config import describe

CLOCK = {"type": "function", "name": "clock", "description": "the time", "parameters": {"type": "object"}}


def update(bench: Any, **session: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = bench.obey("session.update", session={"type": "realtime", **session})
    return events


def shown(bench: Any, **session: Any) -> dict[str, Any]:
    (event,) = update(bench, **session)
    assert event["type"] == "session.updated", event
    described: dict[str, Any] = event["session"]
    return described


def refused(bench: Any, **session: Any) -> dict[str, Any]:
    before = bench.session.config
    (event,) = update(bench, **session)
    assert event["type"] == "error", event
    assert bench.session.config == before
    assert bench.conversation.named("configure") == []
    error: dict[str, Any] = event["error"]
    return error


def test_what_holds_is_shown_whole(bench: Any) -> None:
    session = describe(bench.session.config, "sess_1")
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["audio"]["output"]["voice"] == "default"
    assert session["output_modalities"] == ["audio"]


def test_only_what_is_given_changes(bench: Any) -> None:
    session = shown(bench, instructions="Be brief.")
    assert session["instructions"] == "Be brief."
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
    ((config,),) = bench.conversation.named("configure")
    assert config.instructions == "Be brief."


def test_an_update_of_formats_alone_does_not_disturb_the_conversation(bench: Any) -> None:
    session = shown(bench, audio={"output": {"format": {"type": "audio/pcma"}}})
    assert session["audio"]["output"]["format"] == {"type": "audio/pcma"}
    assert bench.conversation.named("configure") == []


def test_turns_can_be_the_clients(bench: Any) -> None:
    session = shown(bench, audio={"input": {"turn_detection": None}})
    assert session["audio"]["input"]["turn_detection"] is None
    assert bench.session.config.conversation.turn_detection is None


def test_turn_detection_can_be_given_back(bench: Any) -> None:
    shown(bench, audio={"input": {"turn_detection": None}})
    detection = shown(bench, audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}})
    assert detection["audio"]["input"]["turn_detection"]["threshold"] == 0.7


@pytest.mark.parametrize(
    ("eagerness", "waits_ms"), [("low", (700, 4000)), ("auto", (450, 1500)), ("high", (300, 1000))]
)
def test_semantic_turn_detection_waits_longer_for_what_sounds_unfinished(
    bench: Any, eagerness: str, waits_ms: tuple[int, int]
) -> None:
    session = shown(bench, audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": eagerness}}})
    told = session["audio"]["input"]["turn_detection"]
    assert (told["type"], told["create_response"], told["interrupt_response"]) == ("semantic_vad", True, True)
    assert told["eagerness"] in (eagerness, "medium", "auto")
    turns = bench.session.config.conversation.turn_detection
    assert (turns.silence_duration_ms, turns.unfinished_ms) == waits_ms


def test_who_asks_for_a_silence_after_semantic_turns_gets_the_protocols_own(bench: Any) -> None:
    shown(bench, audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}})
    session = shown(bench, audio={"input": {"turn_detection": {"type": "server_vad"}}})
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
    assert bench.session.config.conversation.turn_detection.unfinished_ms is None


def test_a_silence_shorter_than_can_be_told_is_brought_to_the_least(bench: Any) -> None:
    session = shown(bench, audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 100}}})
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 250


def test_tools_are_passed_on(bench: Any) -> None:
    session = shown(bench, tools=[CLOCK], tool_choice={"type": "function", "name": "clock"})
    assert session["tools"] == [CLOCK]
    assert session["tool_choice"] == {"type": "function", "name": "clock"}
    talk = bench.session.config.conversation
    assert talk.tools == (FunctionTool("clock", "the time", {"type": "object"}),)
    assert talk.tool_choice == "clock"


def test_speed_tokens_and_modality_are_taken(bench: Any) -> None:
    session = shown(bench, max_output_tokens=50, output_modalities=["text"], audio={"output": {"speed": 1.25}})
    assert (session["max_output_tokens"], session["output_modalities"]) == (50, ["text"])
    talk = bench.session.config.conversation
    assert (talk.max_output_tokens, talk.audio_reply, talk.speed) == (50, False, 1.25)


@pytest.mark.parametrize("name", ["alloy", "marin", "default"])
def test_stock_voices_are_the_configured_one(bench: Any, name: str) -> None:
    session = shown(bench, audio={"output": {"voice": name}})
    assert session["audio"]["output"]["voice"] == name
    assert bench.session.config.conversation.voice == "piper-en-us-joe-medium"


def test_hints_that_have_no_counterpart_are_shown_as_not_in_force(bench: Any) -> None:
    session = shown(bench, tracing="auto", audio={"input": {"noise_reduction": {"type": "near_field"}}})
    assert session["tracing"] is None
    assert session["audio"]["input"]["noise_reduction"] is None


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"model": "gpt-9"}, "session.model"),
        ({"instructions": "x" * 70_000}, "session.instructions"),
        ({"output_modalities": []}, "session.output_modalities"),
        ({"output_modalities": ["smell"]}, "session.output_modalities[0]"),
        ({"max_output_tokens": 0}, "session.max_output_tokens"),
        ({"max_output_tokens": 5000}, "session.max_output_tokens"),
        ({"tools": [CLOCK, CLOCK]}, "session.tools"),
        ({"tools": [{"type": "function", "name": "a b"}]}, "session.tools[0].name"),
        ({"tools": [{"type": "function"}]}, "session.tools[0].name"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "session.tools[0]"),
        ({"tools": [{**CLOCK, "parameters": 3}]}, "session.tools[0].parameters"),
        ({"tool_choice": {"type": "function", "name": "nope"}}, "session.tool_choice"),
        ({"prompt": {"id": "p"}}, "session.prompt"),
        ({"colour": "red"}, "session.colour"),
        ({"audio": {"output": {"speed": 9}}}, "session.audio.output.speed"),
        ({"audio": {"output": {"format": {"type": "audio/opus"}}}}, "session.audio.output.format.type"),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}}, "session.audio.input.format.rate"),
        ({"audio": {"input": {"transcription": {"model": "ear-9"}}}}, "session.audio.input.transcription.model"),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}},
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}},
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": -1}}}},
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_nothing_changes(bench: Any, session: dict[str, Any], param: str) -> None:
    assert refused(bench, **session)["param"] == param


def test_transcription_sessions_are_refused(bench: Any) -> None:
    (event,) = bench.obey("session.update", session={"type": "transcription"})
    assert event["error"]["param"] == "session.type"


def test_a_bad_field_spoils_the_good_ones_beside_it(bench: Any) -> None:
    refused(bench, instructions="Be brief.", audio={"output": {"voice": "nobody"}})


def test_an_unknown_voice_is_refused_with_the_nearest(bench: Any) -> None:
    error = refused(bench, audio={"output": {"voice": "aloy"}})
    assert error["code"] == "voice_not_found"
    assert "alloy" in error["message"]
