from __future__ import annotations

from typing import Any

from voicechat.client.turns import TurnLog


def fed(*events: dict[str, Any]) -> TurnLog:
    log = TurnLog()
    for event in events:
        log.add(event)
    return log


def spoke(item_id: str, text: str, end_ms: int = 1000) -> list[dict[str, Any]]:
    return [
        {"type": "input_audio_buffer.speech_started", "item_id": item_id, "audio_start_ms": 0},
        {"type": "input_audio_buffer.speech_stopped", "item_id": item_id, "audio_end_ms": end_ms},
        {"type": "input_audio_buffer.committed", "item_id": item_id},
        {"type": "conversation.item.input_audio_transcription.completed", "item_id": item_id, "transcript": text},
    ]


def began_reply(number: int = 1) -> list[dict[str, Any]]:
    item = {"type": "message", "id": f"a{number}", "content": []}
    return [
        {"type": "response.created", "response": {"id": f"r{number}", "status": "in_progress"}},
        {"type": "response.output_item.added", "response_id": f"r{number}", "item": item},
        {"type": "response.output_audio_transcript.delta", "response_id": f"r{number}", "delta": "It is "},
        {"type": "response.output_audio_transcript.delta", "response_id": f"r{number}", "delta": "Paris."},
    ]


def ended_reply(number: int = 1, status: str = "completed", transcript: str | None = "It is Paris.") -> dict[str, Any]:
    content = [] if transcript is None else [{"type": "output_audio", "transcript": transcript}]
    output = [{"type": "message", "id": f"a{number}", "content": content}]
    return {"type": "response.done", "response": {"id": f"r{number}", "status": status, "output": output}}


def test_a_question_and_its_answer_are_one_turn() -> None:
    log = fed(*spoke("u1", " What is it? ", 1200), *began_reply(), ended_reply())

    (turn,) = log.turns
    assert (turn.user, turn.assistant, turn.speech_end_ms) == ("What is it?", "It is Paris.", 1200)
    assert turn.reply_item_ids == ["a1"]
    assert not turn.interrupted


def test_a_reply_that_was_cut_holds_what_was_heard() -> None:
    log = fed(*spoke("u1", "What?"), *began_reply(), ended_reply(status="cancelled", transcript="It is"))

    assert (log.turns[0].assistant, log.turns[0].interrupted) == ("It is", True)


def test_a_reply_that_was_cut_before_its_first_word_holds_nothing() -> None:
    log = fed(*spoke("u1", "What?"), *began_reply(), ended_reply(status="cancelled", transcript=""))

    assert (log.turns[0].assistant, log.turns[0].interrupted) == ("", True)


def test_speech_whose_end_is_told_after_its_turn_still_has_one() -> None:
    started, stopped, committed, transcript = spoke("u1", "What?", 1200)

    log = fed(started, committed, stopped, transcript)

    assert log.turns[0].speech_end_ms == 1200


def test_words_come_from_the_deltas_where_the_reply_lists_none() -> None:
    log = fed(*spoke("u1", "What?"), *began_reply(), ended_reply(transcript=None))

    assert log.turns[0].assistant == "It is Paris."


def test_a_late_transcript_finds_its_turn() -> None:
    *speech, transcript = spoke("u1", "What?")

    log = fed(*speech, *began_reply(), transcript, ended_reply())

    assert [(turn.user, turn.assistant) for turn in log.turns] == [("What?", "It is Paris.")]


def test_a_greeting_is_a_turn_without_a_question() -> None:
    log = fed(*began_reply(), ended_reply())

    assert [(turn.user, turn.assistant) for turn in log.turns] == [("", "It is Paris.")]


def test_errors_and_failed_replies_are_listed() -> None:
    failed = ended_reply(status="failed")
    failed["response"]["status_details"] = {"error": {"message": "the voice is away"}}

    log = fed(*began_reply(), failed, {"type": "error", "error": {"message": "no such event"}})

    assert log.errors == ["the voice is away", "no such event"]


def test_stages_belong_to_the_turn_that_the_reply_answered() -> None:
    measured = {"type": "voicechat.turn", "response_id": "r1", "stages_ms": {"total": 600}}

    log = fed(*spoke("u1", "One?"), *began_reply(1), ended_reply(1), *spoke("u2", "Two?"), measured)

    assert [turn.stages_ms for turn in log.turns] == [{"total": 600.0}, {}]


def test_the_conversation_is_busy_from_the_first_sound_to_the_end_of_the_reply() -> None:
    log = TurnLog()
    busy = []
    for event in [*spoke("u1", "What?"), *began_reply(), ended_reply()]:
        log.add(event)
        busy.append(log.busy)

    assert busy == [True, True, True, True, True, True, True, True, False]


def test_speech_that_took_no_turn_keeps_nobody_waiting() -> None:
    started, *_ = spoke("u1", "Mm-hm")

    assert fed(started).busy
    assert not fed(started, {"type": "voicechat.discarded", "item_id": "u1"}).busy


def test_a_server_that_tells_its_state_is_believed() -> None:
    thinking, listening = ({"type": "voicechat.state", "state": state} for state in ("thinking", "listening"))

    assert fed(thinking).busy
    assert not fed(*spoke("u1", "What?"), thinking, listening).busy


def test_unknown_events_change_nothing() -> None:
    assert fed({"type": "rate_limits.updated"}, {}).turns == []
