"""The mind is told what fits: instructions, then the newest whole turns, calls with their outputs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents.llm import ChatContext, ChatItem, ChatMessage, ChatRole, FunctionCall, FunctionCallOutput

from voicechat.llm.history import bound_history, estimate_tokens, item_tokens, join_neighbours

ROLES: list[ChatRole] = ["user", "assistant", "system"]


def said(role: ChatRole, text: str) -> ChatMessage:
    return ChatMessage(role=role, content=[text])


def call(call_id: str) -> FunctionCall:
    return FunctionCall(call_id=call_id, name="weather", arguments='{"city": "Paris"}')


def output(call_id: str, text: str = "sunny") -> FunctionCallOutput:
    return FunctionCallOutput(call_id=call_id, name="weather", output=text, is_error=False)


def texts(context: ChatContext) -> list[str]:
    return [item.text_content or "" for item in context.items if isinstance(item, ChatMessage)]


def cost(context: ChatContext) -> int:
    return sum(item_tokens(item) for item in context.items)


def words(text: str) -> int:
    return len(text.split())


def test_what_fits_is_kept_whole() -> None:
    context = ChatContext([said("system", "be kind"), said("user", "hello"), said("assistant", "hi")])
    assert bound_history(context, 1000).items == context.items


def test_the_oldest_turns_go_first_and_go_whole() -> None:
    turns: list[ChatItem] = [said("system", "be kind")]
    for number in range(5):
        turns += [said("user", f"question {number} of five words"), said("assistant", f"answer {number} of five words")]
    kept = bound_history(ChatContext(turns), 8 + 2 * 22, words)
    assert texts(kept) == [
        "be kind",
        "question 3 of five words",
        "answer 3 of five words",
        "question 4 of five words",
        "answer 4 of five words",
    ]


def test_a_tool_call_goes_with_its_output() -> None:
    first: list[ChatItem] = [said("user", "old"), call("a"), output("a"), said("assistant", "sunny")]
    context = ChatContext([*first, said("user", "new"), call("b"), output("b")])
    for budget in range(20, cost(context) + 1):
        kept = bound_history(context, budget).items
        calls = [item.call_id for item in kept if isinstance(item, FunctionCall)]
        outputs = [item.call_id for item in kept if isinstance(item, FunctionCallOutput)]
        assert calls == outputs


def test_the_newest_turn_alone_too_long_keeps_the_question_and_its_newest_calls() -> None:
    context = ChatContext([said("user", "go"), *(item for n in range(40) for item in (call(str(n)), output(str(n))))])
    kept = bound_history(context, 150)
    assert texts(kept) == ["go"]
    assert isinstance(kept.items[-1], FunctionCallOutput)
    assert kept.items[-1].call_id == "39"
    assert cost(kept) <= 150


def test_a_question_longer_than_the_budget_loses_its_middle() -> None:
    kept = bound_history(ChatContext([said("system", "be kind"), said("user", "start " + "x " * 9000 + " end")]), 300)
    assert texts(kept)[0] == "be kind"
    assert texts(kept)[1].startswith("start") and texts(kept)[1].endswith("end")
    assert cost(kept) <= 300


def test_instructions_longer_than_half_of_the_budget_leave_room_for_the_question() -> None:
    kept = bound_history(ChatContext([said("system", "rule " * 2000), said("user", "what now?")]), 400)
    assert texts(kept)[1] == "what now?"
    assert cost(kept) <= 400


def test_an_output_longer_than_the_budget_loses_its_middle_and_stays_with_its_call() -> None:
    kept = bound_history(ChatContext([said("user", "go"), call("a"), output("a", "line " * 4000)]), 300)
    assert [item.type for item in kept.items] == ["message", "function_call", "function_call_output"]
    assert cost(kept) <= 300


def test_the_conversations_own_history_is_left_as_it_is() -> None:
    context = ChatContext([said("user", "x " * 5000)])
    bound_history(context, 200)
    assert texts(context) == ["x " * 5000]


def test_no_history_is_none() -> None:
    assert bound_history(ChatContext.empty(), 200).items == []


def test_a_greeting_before_any_question_counts_as_a_turn() -> None:
    assert texts(bound_history(ChatContext([said("assistant", "hello")]), 200)) == ["hello"]


@given(
    lengths=st.lists(st.tuples(st.sampled_from(ROLES), st.integers(0, 3000)), max_size=20),
    budget=st.integers(200, 2000),
)
def test_the_budget_is_never_passed(lengths: list[tuple[ChatRole, int]], budget: int) -> None:
    context = ChatContext([said(role, "word " * (length // 5)) for role, length in lengths])
    kept = bound_history(context, budget)
    only_instructions = all(role == "system" for role, _ in lengths)
    assert cost(kept) <= budget or only_instructions


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("hello there", 4), ("1234", 4), ("世界", 6), ("🙂", 4)])
def test_tokens_are_estimated_by_the_stated_rule(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_messages_of_one_speaker_in_a_row_become_one() -> None:
    items: list[ChatItem] = [
        said("system", "be kind"),
        said("system", "be brief"),
        said("user", "a"),
        said("user", "b"),
    ]
    items += [said("assistant", "c"), call("x"), output("x"), said("assistant", "d"), said("assistant", "e")]
    joined = join_neighbours(ChatContext(items))
    assert texts(joined) == ["be kind", "be brief", "a\nb", "c", "d\ne"]
    assert [item.type for item in joined.items if item.type != "message"] == ["function_call", "function_call_output"]


def test_joining_leaves_the_original_as_it_is() -> None:
    context = ChatContext([said("user", "a"), said("user", "b")])
    join_neighbours(context)
    assert texts(context) == ["a", "b"]
