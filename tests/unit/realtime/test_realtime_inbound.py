from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from voicechat.conversation.port import CommandRefused, ReplyOptions

TEXT_ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def error_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert types(events) == ["error"]
    error: dict[str, Any] = events[0]["error"]
    assert error["type"] == "invalid_request_error"
    return error


def pcm(samples: int) -> str:
    return base64.b64encode(np.arange(samples, dtype="<i2").tobytes()).decode()


def manual(bench: Any) -> None:
    bench.obey("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})


def test_appended_audio_reaches_the_conversation_at_24_khz(bench: Any) -> None:
    assert bench.obey("input_audio_buffer.append", audio=pcm(480)) == []
    ((samples, rate_hz),) = bench.conversation.named("push_audio")
    assert rate_hz == 24_000
    assert samples.tolist() == list(range(480))


def test_large_audio_is_decoded_whole_and_in_order(bench: Any) -> None:
    bench.obey("input_audio_buffer.append", audio=pcm(30_000))
    pieces = [samples for samples, _ in bench.conversation.named("push_audio")]
    assert np.concatenate(pieces).tolist() == list(range(30_000))


def test_telephone_audio_is_pushed_at_8_khz(bench: Any) -> None:
    update = {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}}
    bench.obey("session.update", session=update)
    bench.obey("input_audio_buffer.append", audio=base64.b64encode(b"\xff" * 160).decode())
    ((samples, rate_hz),) = bench.conversation.named("push_audio")
    assert (samples.tolist(), rate_hz) == ([0] * 160, 8_000)


@pytest.mark.parametrize("audio", ["not base64!", "AAA", "AA==\n", pcm(2) + "A", "é"])
def test_audio_that_is_not_strict_base64_is_refused(bench: Any, audio: str) -> None:
    error = error_of(bench.obey("input_audio_buffer.append", audio=audio, event_id="mine"))
    assert (error["code"], error["param"], error["event_id"]) == ("invalid_audio", "audio", "mine")
    assert bench.conversation.commands == []


def test_half_a_sample_is_refused(bench: Any) -> None:
    error = error_of(bench.obey("input_audio_buffer.append", audio=base64.b64encode(b"abc").decode()))
    assert "16-bit" in error["message"]


def test_a_manual_turn_is_committed(bench: Any) -> None:
    manual(bench)
    bench.obey("input_audio_buffer.append", audio=pcm(2_400))
    assert bench.obey("input_audio_buffer.commit") == []
    assert bench.conversation.named("commit_turn") == [()]


def test_an_empty_buffer_cannot_be_committed(bench: Any) -> None:
    manual(bench)
    error = error_of(bench.obey("input_audio_buffer.commit"))
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert bench.conversation.named("commit_turn") == []


def test_a_cleared_buffer_is_acknowledged_and_empty(bench: Any) -> None:
    manual(bench)
    bench.obey("input_audio_buffer.append", audio=pcm(24_000))
    assert types(bench.obey("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert bench.conversation.named("clear_turn") == [()]
    assert error_of(bench.obey("input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"


def test_a_manual_turn_is_bounded(bench: Any) -> None:
    manual(bench)
    second = pcm(24_000)
    for _ in range(300):
        assert bench.obey("input_audio_buffer.append", audio=second) == []
    assert error_of(bench.obey("input_audio_buffer.append", audio=second))["code"] == "input_audio_buffer_full"


def test_audio_may_run_ahead_of_real_time_only_so_far(bench: Any) -> None:
    second = pcm(24_000)
    for _ in range(60):
        assert bench.obey("input_audio_buffer.append", audio=second) == []
    assert error_of(bench.obey("input_audio_buffer.append", audio=second))["code"] == "input_audio_too_fast"
    bench.now_s += 1.5
    assert bench.obey("input_audio_buffer.append", audio=second) == []


def test_text_becomes_an_item_that_is_announced(bench: Any) -> None:
    sent = bench.obey("conversation.item.create", item=TEXT_ITEM)
    assert bench.conversation.named("add_text") == [("user", "Hello", None)]
    assert types(sent) == ["conversation.item.added", "conversation.item.done"]
    assert sent[0]["item"]["id"] == "item_1"
    assert sent[0]["item"]["content"] == [{"type": "input_text", "text": "Hello"}]
    assert sent[0]["previous_item_id"] is None


def test_items_name_the_one_before(bench: Any) -> None:
    bench.obey("conversation.item.create", item={**TEXT_ITEM, "id": "first"})
    sent = bench.obey("conversation.item.create", item=TEXT_ITEM, previous_item_id="first")
    assert sent[0]["previous_item_id"] == "first"


def test_items_cannot_be_inserted(bench: Any) -> None:
    bench.obey("conversation.item.create", item={**TEXT_ITEM, "id": "first"})
    bench.obey("conversation.item.create", item={**TEXT_ITEM, "id": "second"})
    error = error_of(bench.obey("conversation.item.create", item=TEXT_ITEM, previous_item_id="first"))
    assert error["param"] == "previous_item_id"


def test_an_id_cannot_be_taken_twice(bench: Any) -> None:
    bench.obey("conversation.item.create", item={**TEXT_ITEM, "id": "first"})
    assert error_of(bench.obey("conversation.item.create", item={**TEXT_ITEM, "id": "first"}))["code"] == "item_exists"


@pytest.mark.parametrize(("role", "kind"), [("system", "input_text"), ("assistant", "output_text")])
def test_history_can_be_given_in_other_roles(bench: Any, role: str, kind: str) -> None:
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": "So"}]}
    bench.obey("conversation.item.create", item=item)
    assert bench.conversation.named("add_text") == [(role, "So", None)]


def test_a_functions_output_is_handed_over(bench: Any) -> None:
    item = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
    sent = bench.obey("conversation.item.create", item=item)
    assert bench.conversation.named("add_tool_output") == [("call_1", "42", None)]
    assert sent[0]["item"]["call_id"] == "call_1"


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "message", "role": "user", "content": []}, "item.content"),
        ({"type": "message", "role": "user", "content": [{"type": "input_text"}]}, "item.content[0].text"),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": ""}]},
            "item.content[0].type",
        ),
        ({"type": "function_call", "name": "f", "arguments": "{}"}, "item.type"),
        ({**TEXT_ITEM, "id": ""}, "item.id"),
        ({**TEXT_ITEM, "id": "x" * 65}, "item.id"),
        ({**TEXT_ITEM, "colour": "red"}, "item.colour"),
    ],
)
def test_items_that_cannot_be_added_are_refused_by_name(bench: Any, item: dict[str, Any], param: str) -> None:
    assert error_of(bench.obey("conversation.item.create", item=item))["param"] == param
    assert bench.conversation.commands == []


def test_an_item_can_be_retrieved_and_deleted(bench: Any) -> None:
    bench.obey("conversation.item.create", item={**TEXT_ITEM, "id": "first"})
    (retrieved,) = bench.obey("conversation.item.retrieve", item_id="first")
    assert (retrieved["type"], retrieved["item"]["id"]) == ("conversation.item.retrieved", "first")
    assert types(bench.obey("conversation.item.delete", item_id="first")) == ["conversation.item.deleted"]
    assert error_of(bench.obey("conversation.item.retrieve", item_id="first"))["code"] == "item_not_found"
    assert error_of(bench.obey("conversation.item.delete", item_id="first"))["code"] == "item_not_found"


def test_truncation_reaches_the_conversation(bench: Any) -> None:
    fields = {"item_id": "item_9", "content_index": 0, "audio_end_ms": 1500}
    assert bench.obey("conversation.item.truncate", **fields) == []
    assert bench.conversation.named("truncate") == [("item_9", 1500)]


@pytest.mark.parametrize("bad", [{"audio_end_ms": -1}, {"content_index": 1}, {"audio_end_ms": "soon"}])
def test_truncation_refuses_what_makes_no_sense(bench: Any, bad: dict[str, Any]) -> None:
    fields = {"item_id": "item_9", "content_index": 0, "audio_end_ms": 1500, **bad}
    assert error_of(bench.obey("conversation.item.truncate", **fields))["param"] == next(iter(bad))


def test_a_reply_can_be_asked_for(bench: Any) -> None:
    assert bench.obey("response.create") == []
    assert bench.conversation.named("create_reply") == [(ReplyOptions(),)]


def test_a_reply_can_be_asked_for_otherwise(bench: Any) -> None:
    asked = {"instructions": "Be brief.", "output_modalities": ["text"], "tool_choice": "none", "metadata": {"a": "b"}}
    bench.obey("response.create", response=asked)
    expected = ReplyOptions(instructions="Be brief.", audio_reply=False, tool_choice="none", metadata={"a": "b"})
    assert bench.conversation.named("create_reply") == [(expected,)]


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"input": []}, "response.input"),
        ({"conversation": "none"}, "response.conversation"),
        ({"tools": []}, "response.tools"),
        ({"output_modalities": ["text", "audio"]}, "response.output_modalities"),
        ({"tool_choice": {"type": "function", "name": "nope"}}, "response.tool_choice"),
        ({"metadata": {"k": "v" * 513}}, "response.metadata"),
        ({"tempo": 3}, "response.tempo"),
    ],
)
def test_overrides_that_do_not_exist_are_refused_by_name(bench: Any, asked: dict[str, Any], param: str) -> None:
    assert error_of(bench.obey("response.create", response=asked))["param"] == param
    assert bench.conversation.commands == []


@pytest.mark.parametrize("event_type", ["response.cancel", "output_audio_buffer.clear"])
def test_a_reply_can_be_stopped(bench: Any, event_type: str) -> None:
    assert bench.obey(event_type) == []
    assert bench.conversation.named("cancel_reply") == [()]


def test_what_was_played_is_reported(bench: Any) -> None:
    bench.obey("voicechat.played", item_id="item_9", audio_end_ms=300)
    assert bench.conversation.named("played") == [("item_9", 300)]


def test_a_refused_command_is_an_error_and_the_next_one_works(bench: Any) -> None:
    bench.conversation.refusals["cancel_reply"] = CommandRefused("response_cancel_not_active", "there is no reply")
    error = error_of(bench.obey("response.cancel", event_id="e1"))
    assert (error["code"], error["message"], error["event_id"]) == (
        "response_cancel_not_active",
        "there is no reply",
        "e1",
    )
    assert bench.obey("response.create") == []


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({}, "missing_required_parameter", "type"),
        ({"type": 7}, "missing_required_parameter", "type"),
        ({"type": "session.created"}, "unknown_event_type", "type"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": 3}, "invalid_value", "audio"),
        ({"type": "response.create", "respones": {}}, "unknown_parameter", "respones"),
        ({"type": "response.cancel", "event_id": 3}, "invalid_value", "event_id"),
    ],
)
async def test_events_that_are_wrong_are_refused_by_name(
    bench: Any, event: dict[str, Any], code: str, param: str
) -> None:
    await bench.inbound.obey(event)
    error = error_of(bench.sent)
    assert (error["code"], error["param"]) == (code, param)
    assert bench.conversation.commands == []


def test_long_items_are_forgotten_before_there_are_many(bench: Any) -> None:
    for number in range(30):
        content = [{"type": "input_text", "text": "x" * 50_000}]
        item = {"id": f"m{number}", "type": "message", "role": "user", "content": content}
        bench.obey("conversation.item.create", item=item)
    assert bench.obey("conversation.item.retrieve", item_id="m0")[0]["error"]["code"] == "item_not_found"
    assert bench.obey("conversation.item.retrieve", item_id="m29")[0]["item"]["id"] == "m29"
