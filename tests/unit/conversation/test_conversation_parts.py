from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents.llm import ChatMessage, FunctionCall

from voicechat.conversation.backchannels import is_backchannel, known_backchannels
from voicechat.conversation.echo import is_echo
from voicechat.conversation.gain import GainRamp, db_to_linear
from voicechat.conversation.items import Message, ToolCall, ToolOutput
from voicechat.conversation.ledger import MAX_CHARS, MAX_ITEMS, Ledger
from voicechat.conversation.port import CommandRefused, ConversationState
from voicechat.conversation.spoken import SpokenText
from voicechat.conversation.state import LEGAL_MOVES, IllegalMoveError, StateMachine
from voicechat.fleet.port import SpokenWord


def word(text: str, at: int, index: int) -> SpokenWord:
    return SpokenWord(text, at, at + len(text), index * 300.0, (index + 1) * 300.0)


@pytest.mark.parametrize("said", ["Mm-hm.", "Okay", "uh-huh", "Yeah, right.", "I see.", "OK, okay."])
def test_a_listeners_words_are_backchannels(said: str) -> None:
    assert is_backchannel(said, "en")


@pytest.mark.parametrize("said", ["", "stop", "Yeah, but why?", "no", "wait", "okay okay okay okay", "right now"])
def test_a_speakers_words_are_not(said: str) -> None:
    assert not is_backchannel(said, "en-US")


def test_every_backchannel_is_recognised_as_it_is_listed() -> None:
    for language, known in known_backchannels().items():
        assert known
        for said in known:
            assert is_backchannel(f"{said.capitalize()}.", language), (language, said)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "Ach so, ja."), ("de-AT", "Alles klar!"), ("fr", "D’accord."),
        ("fr", "Tout à fait."), ("es", "Sí, claro."), ("es-MX", "Claro que sí"), ("it", "Va bene."), ("ja", "うん。"),
    ],
)  # fmt: skip
def test_other_languages_have_their_own(language: str, said: str) -> None:
    assert is_backchannel(said, language)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "Nein"),
        ("de", "Doch!"),
        ("de", "Warte mal"),
        ("fr", "Non"),
        ("fr", "Attends"),
        ("es", "No"),
        ("es", "Espera"),
    ],
)
def test_who_refuses_or_asks_to_wait_takes_the_turn(language: str, said: str) -> None:
    assert not is_backchannel(said, language)


def test_an_unknown_language_has_no_backchannels() -> None:
    assert not is_backchannel("okay", "xx")


def test_a_stretch_of_the_reply_is_its_echo() -> None:
    assert is_echo("the quick brown", "The quick, brown fox.")
    assert not is_echo("quick", "The quick, brown fox.")
    assert not is_echo("quick brown dog", "The quick, brown fox.")


def test_an_echo_may_be_misheard_in_a_word_of_four() -> None:
    reply = "Once upon a time there was a sailor who had a very small ship."
    assert is_echo("there was a tailor who had", reply)
    assert not is_echo("there is a sailor in every ship I know", reply)
    assert not is_echo("what was a very", reply)


def test_what_was_heard_is_a_prefix_with_its_marks() -> None:
    spoken = SpokenText()
    spoken.sent("Well, ")
    spoken.sent("it costs $5. Fine!")
    spoken.timed([word("Well", 0, 0), word("it", 6, 1), word("costs", 9, 2), word("$5", 15, 3), word("Fine", 19, 4)])

    assert spoken.heard(0) == ""
    assert spoken.heard(160) == "Well,"
    assert spoken.heard(1100) == "Well, it costs $5."
    assert spoken.heard(5000) == spoken.text


def test_what_no_word_covers_goes_with_the_end() -> None:
    spoken = SpokenText()
    spoken.sent("Hi … ")
    spoken.timed([word("Hi", 0, 0)])
    spoken.finish(300.0)

    assert spoken.heard(1000) == "Hi … "


@given(st.lists(st.text(alphabet="abc.,!'$5é", min_size=1, max_size=6), min_size=1, max_size=12), st.floats(0, 5000))
def test_heard_text_grows_with_the_position_and_ends_as_the_whole(words: list[str], position_ms: float) -> None:
    spoken = SpokenText()
    text = " ".join(words)
    spoken.sent(text)
    at = 0
    timed = []
    for index, part in enumerate(words):
        timed.append(word(part, at, index))
        at += len(part) + 1
    spoken.timed(timed)
    spoken.finish(len(words) * 300.0)

    heard = spoken.heard(position_ms)
    assert text.startswith(heard)
    assert len(heard) <= len(spoken.heard(position_ms + 100))
    assert spoken.heard(1e9) == text


def test_gain_moves_on_a_straight_line_and_stays() -> None:
    gain = GainRamp(480)
    gain.aim(db_to_linear(-6))
    out = gain.apply(np.full(960, 10_000, np.int16)).astype(np.int32)

    assert np.all(np.diff(out) <= 0)
    assert np.abs(np.diff(out)).max() <= 12
    assert set(out[480:]) == {round(10_000 * db_to_linear(-6))}


def test_gain_can_turn_back_half_way() -> None:
    gain = GainRamp(480)
    gain.aim(0.0)
    first = gain.apply(np.full(240, 10_000, np.int16)).astype(np.int32)
    gain.aim(1.0)
    second = gain.apply(np.full(480, 10_000, np.int16)).astype(np.int32)

    assert first[-1] == pytest.approx(5000, abs=25)
    assert abs(second[0] - first[-1]) <= 25
    assert second[-1] == 10_000


def test_long_items_leave_the_ledger_before_there_are_many() -> None:
    ledger = Ledger()
    for number in range(100):
        ledger.add(Message(f"m{number}", "user", "x" * 50_000))
    assert sum(len(item.text) for item in ledger.history()) == MAX_CHARS
    assert "m99" in ledger


def test_one_item_may_be_longer_than_all_together() -> None:
    ledger = Ledger()
    ledger.add(Message("a", "user", "x"))
    ledger.add(Message("b", "user", "x" * (MAX_CHARS + 1)))
    assert [item.id for item in ledger.history()] == ["b"]


def test_the_ledger_tells_calls_only_with_their_outputs() -> None:
    ledger = Ledger()
    ledger.add(Message("a", "user", "Hello?"))
    ledger.add(ToolCall("b", "call_1", "weather", "{}"))
    ledger.add(ToolCall("c", "call_2", "clock", "{}"))
    ledger.add(ToolOutput("d", "call_2", "noon"))
    ledger.add(Message("e", "assistant", ""))

    context = ledger.context("Be kind.", "And now?")

    assert [item.name for item in context.items if isinstance(item, FunctionCall)] == ["clock"]
    texts = [item.raw_text_content for item in context.items if isinstance(item, ChatMessage)]
    assert texts == ["Be kind.", "Hello?", "And now?"]
    assert [(item.role, item.text) for item in ledger.history()] == [("user", "Hello?"), ("tool", "noon")]


def test_the_ledger_forgets_the_oldest() -> None:
    ledger = Ledger()
    for index in range(MAX_ITEMS + 5):
        ledger.add(Message(str(index), "user", "text"))

    assert len(ledger.history()) == MAX_ITEMS
    with pytest.raises(CommandRefused):
        ledger.remove("0")


@given(st.lists(st.sampled_from(list(ConversationState)), max_size=20))
def test_only_the_moves_of_the_table_are_made(moves: list[ConversationState]) -> None:
    told: list[ConversationState] = []
    machine = StateMachine(told.append)
    for to in moves:
        before = machine.state
        if to is before or to in LEGAL_MOVES[before]:
            machine.move(to)
            assert machine.state is to
        else:
            with pytest.raises(IllegalMoveError, match=f"from {before} to {to}"):
                machine.move(to)
            assert machine.state is before
    assert len(told) == len([1 for a, b in zip([ConversationState.IDLE, *told], told, strict=False) if a is not b])
