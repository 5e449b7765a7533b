from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from voicechat.conversation.port import (
    ConversationFailed,
    ConversationState,
    ItemTruncated,
    ReplyAudio,
    ReplyCleared,
    ReplyFinished,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    ReplyToolCall,
    SpeechBegan,
    SpeechEnded,
    StateChanged,
    TurnCommitted,
    TurnDiscarded,
    TurnMeasured,
    UserTranscript,
)
from voicechat.transports.realtime.codec import WireFormat
from voicechat.transports.realtime.outbound import FatalError, Outbound

TICK = np.full(480, 1000, np.int16)

TURN = (
    SpeechBegan("u1", 100),
    UserTranscript("u1", "what", is_final=False),
    UserTranscript("u1", "what time", is_final=False),
    SpeechEnded("u1", 1600),
    TurnCommitted("u1", None),
    UserTranscript("u1", "What time is it?", is_final=True),
)
REPLY = (
    ReplyStarted("r1", "a1", "u1"),
    ReplyText("r1", "It is "),
    ReplyAudio("r1", "a1", TICK, 0.0),
    ReplyText("r1", "noon."),
    ReplyAudio("r1", "a1", TICK, 20.0),
)
DONE = ReplyFinished("r1", "a1", ReplyStatus.COMPLETED, "stop", "It is noon.", 40, input_tokens=10, output_tokens=4)
CUT = ReplyFinished("r1", "a1", ReplyStatus.CANCELLED, "turn_detected", "It is", 20)
CALL = ReplyToolCall("r1", "f1", "call_1", "clock", '{"zone":"utc"}')


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def only(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (event,) = [each for each in events if each["type"] == kind]
    return event


def test_a_spoken_turn_is_told_in_the_services_order(bench: Any) -> None:
    told = [kind for kind in types(bench.tell(*TURN)) if not kind.startswith("voicechat.")]
    assert told == [
        "input_audio_buffer.speech_started",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.delta",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
    ]


def test_interim_words_are_sent_as_additions(bench: Any) -> None:
    deltas = [event["delta"] for event in bench.tell(*TURN) if event["type"].endswith("transcription.delta")]
    assert deltas == ["what", " time"]


def test_words_that_are_taken_back_wait_for_the_final_transcript(bench: Any) -> None:
    sent = bench.tell(UserTranscript("u1", "wad", is_final=False), UserTranscript("u1", "what", is_final=False))
    assert [event["delta"] for event in sent if "delta" in event] == ["wad"]


def test_our_own_event_tells_all_words_so_far_though_some_were_taken_back(bench: Any) -> None:
    sent = bench.tell(UserTranscript("u1", "wad", is_final=False), UserTranscript("u1", "what", is_final=False))
    assert [event["text"] for event in sent if event["type"] == "voicechat.transcript"] == ["wad", "what"]


def test_the_final_transcript_waits_for_its_item(bench: Any) -> None:
    assert bench.tell(SpeechBegan("u1", 0), UserTranscript("u1", "Yes.", is_final=True))[1:] == []
    sent = bench.tell(TurnCommitted("u1", None))
    assert types(sent)[-2:] == ["conversation.item.done", "conversation.item.input_audio_transcription.completed"]
    assert sent[-1]["transcript"] == "Yes."


def test_the_transcripts_usage_is_the_length_of_the_speech(bench: Any) -> None:
    completed = only(bench.tell(*TURN), "conversation.item.input_audio_transcription.completed")
    assert completed["usage"] == {"type": "duration", "seconds": 1.5}


def test_no_transcripts_are_sent_to_those_who_want_none(bench: Any) -> None:
    bench.session.config = replace(bench.session.config, transcription=None)
    assert not any("transcription" in kind for kind in types(bench.tell(*TURN)))


def test_a_recognised_turn_can_be_retrieved_with_its_words(bench: Any) -> None:
    bench.tell(*TURN)
    (retrieved,) = bench.obey("conversation.item.retrieve", item_id="u1")
    assert retrieved["item"]["content"] == [{"type": "input_audio", "transcript": "What time is it?"}]


def test_speech_that_took_no_turn_leaves_nothing_behind(bench: Any) -> None:
    sent = bench.tell(SpeechBegan("u1", 0), SpeechEnded("u1", 200), TurnDiscarded("u1"))
    assert types(sent)[2:] == ["voicechat.discarded"]
    assert bench.session.items.last_id is None


def test_a_spoken_reply_is_told_in_the_services_order(bench: Any) -> None:
    assert types(bench.tell(*REPLY, DONE)) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]


def test_a_replys_audio_arrives_as_it_was_made(bench: Any) -> None:
    deltas = [event["delta"] for event in bench.tell(*REPLY, DONE) if event["type"] == "response.output_audio.delta"]
    assert b"".join(map(base64.b64decode, deltas)) == np.concatenate([TICK, TICK]).astype("<i2").tobytes()


@pytest.mark.parametrize("wire", [WireFormat.PCMU, WireFormat.PCMA])
def test_a_replys_telephone_audio_is_complete(bench: Any, wire: WireFormat) -> None:
    bench.session.config = replace(bench.session.config, output_format=wire)
    deltas = [event["delta"] for event in bench.tell(*REPLY, DONE) if event["type"] == "response.output_audio.delta"]
    assert len(b"".join(map(base64.b64decode, deltas))) == 320


def test_a_finished_reply_says_what_it_used_and_holds_its_words(bench: Any) -> None:
    response = only(bench.tell(*REPLY, DONE), "response.done")["response"]
    assert response["status"] == "completed"
    assert response["usage"]["total_tokens"] == 14
    (item,) = response["output"]
    assert item["content"] == [{"type": "output_audio", "transcript": "It is noon."}]


def test_a_cut_reply_holds_what_was_heard(bench: Any) -> None:
    sent = bench.tell(*REPLY, ReplyCleared("r1", "a1"), CUT, ItemTruncated("a1", 20, "It is"))
    assert types(sent)[8:] == [
        "voicechat.cleared",
        "output_audio_buffer.cleared",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "conversation.item.truncated",
    ]
    response = only(sent, "response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["status"] == "incomplete"
    assert response["output"][0]["content"][0]["transcript"] == "It is"


@pytest.mark.parametrize(
    ("status", "reason", "told", "details"),
    [
        (ReplyStatus.CANCELLED, "client_cancelled", "cancelled", {"type": "cancelled", "reason": "client_cancelled"}),
        (
            ReplyStatus.COMPLETED,
            "max_output_tokens",
            "incomplete",
            {"type": "incomplete", "reason": "max_output_tokens"},
        ),
    ],
)
def test_the_way_a_reply_ended_is_told(
    bench: Any, status: ReplyStatus, reason: str, told: str, details: dict[str, str]
) -> None:
    response = only(bench.tell(*REPLY, replace(DONE, status=status, reason=reason)), "response.done")["response"]
    assert (response["status"], response["status_details"]) == (told, details)


def test_a_failed_reply_without_words_has_no_output(bench: Any) -> None:
    failed = ReplyFinished("r1", "a1", ReplyStatus.FAILED, "the mind is away", "", 0)
    sent = bench.tell(ReplyStarted("r1", "a1", None), failed)
    assert types(sent) == ["response.created", "response.done"]
    assert sent[1]["response"]["status_details"]["error"]["message"] == "the mind is away"
    assert sent[1]["response"]["output"] == []


def test_a_written_reply_has_text_and_no_audio(bench: Any) -> None:
    bench.obey("response.create", response={"output_modalities": ["text"]})
    sent = bench.tell(*REPLY, DONE)
    assert [kind for kind in types(sent) if kind.startswith("response.output_")] == [
        "response.output_item.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.output_item.done",
    ]
    assert only(sent, "response.done")["response"]["output_modalities"] == ["text"]


def test_one_written_reply_does_not_silence_the_next(bench: Any) -> None:
    bench.obey("response.create", response={"output_modalities": ["text"]})
    bench.tell(*REPLY, DONE)
    assert "response.output_audio.delta" in types(bench.tell(*REPLY, DONE))


def test_a_function_call_is_an_item_of_its_own(bench: Any) -> None:
    sent = bench.tell(ReplyStarted("r1", "a1", "u1"), CALL, replace(DONE, text=""))
    assert types(sent) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert only(sent, "response.function_call_arguments.done")["name"] == "clock"
    (item,) = sent[-1]["response"]["output"]
    assert (item["call_id"], item["arguments"], item["status"]) == ("call_1", '{"zone":"utc"}', "completed")


def test_words_and_a_function_call_have_places_of_their_own(bench: Any) -> None:
    sent = bench.tell(*REPLY, CALL, DONE)
    assert only(sent, "response.function_call_arguments.done")["output_index"] == 1
    assert only(sent, "response.output_audio.done")["output_index"] == 0
    assert [item["type"] for item in sent[-1]["response"]["output"]] == ["message", "function_call"]


def test_events_of_a_reply_that_is_over_are_dropped(bench: Any) -> None:
    bench.tell(*REPLY, DONE)
    assert bench.tell(ReplyText("r1", "late"), ReplyAudio("r1", "a1", TICK, 40.0), CALL, DONE) == []


def test_ours_tell_state_and_latency(bench: Any) -> None:
    state, turn = bench.tell(
        StateChanged(ConversationState.THINKING), TurnMeasured("r1", {"total": 640.0}, {"total": 0.0})
    )
    assert (state["type"], state["state"]) == ("voicechat.state", "thinking")
    assert (turn["type"], turn["stages_ms"], turn["response_id"]) == ("voicechat.turn", {"total": 640.0}, "r1")
    assert turn["starts_ms"] == {"total": 0.0}


def test_ours_are_kept_from_those_who_do_not_want_them(bench: Any) -> None:
    bench.outbound = Outbound(bench.session, extensions=False)
    assert bench.tell(StateChanged(ConversationState.IDLE), TurnDiscarded("u1"), TurnMeasured("r1", {})) == []


def test_a_failure_is_an_error_event_and_the_conversation_goes_on(bench: Any) -> None:
    (event,) = bench.tell(ConversationFailed("the voice is away", "voice_unavailable"))
    assert event["error"] == {"type": "server_error", "code": "voice_unavailable", "message": "the voice is away"} | {
        "param": None,
        "event_id": None,
    }


def test_a_fatal_failure_ends_it(bench: Any) -> None:
    with pytest.raises(FatalError, match="out of memory"):
        bench.tell(ConversationFailed("out of memory", "fatal", fatal=True))


def test_memory_of_unsettled_utterances_is_bounded(bench: Any) -> None:
    bench.tell(*(SpeechBegan(f"u{number}", 0) for number in range(1000)))
    assert len(bench.outbound._utterances) <= 16


def test_speech_that_begins_again_in_one_turn_is_told_and_its_length_counts_from_the_first(bench: Any) -> None:
    sent = bench.tell(
        SpeechBegan("u1", 100),
        SpeechEnded("u1", 600),
        SpeechBegan("u1", 900),
        SpeechEnded("u1", 1600),
        TurnCommitted("u1", None),
        UserTranscript("u1", "Yes.", is_final=True),
    )
    kinds = [event["type"].rpartition(".")[2] for event in sent[:4]]
    assert kinds == ["speech_started", "speech_stopped", "speech_started", "speech_stopped"]
    assert sent[-1]["usage"]["seconds"] == 1.5
