"""A required call leaves the embedded model no choice but to make it."""

from typing import Any

from livekit.agents import NOT_GIVEN
from livekit.agents.llm import ChatContext, ChatMessage, FunctionCallOutput, function_tool

from voicechat.llm.forced_tools import call_format, describe_functions, parse_call, required_functions


@function_tool
async def weather(city: str) -> str:
    """Look up the weather."""
    return city


@function_tool
async def timer(minutes: int) -> str:
    """Start a timer."""
    return str(minutes)


def test_an_optional_call_is_not_forced() -> None:
    choices: list[Any] = [NOT_GIVEN, "auto", "none"]
    assert all(required_functions([weather], choice) == [] for choice in choices)


def test_without_functions_nothing_is_forced() -> None:
    assert required_functions([], "required") == []


def test_a_required_call_may_be_to_any_function() -> None:
    assert [function["name"] for function in required_functions([weather, timer], "required")] == ["weather", "timer"]


def test_a_named_function_is_the_only_one() -> None:
    functions = required_functions([weather, timer], {"type": "function", "function": {"name": "timer"}})
    assert [function["name"] for function in functions] == ["timer"]


def test_the_format_admits_only_calls_with_the_functions_own_arguments() -> None:
    [schema] = call_format(required_functions([weather], "required"))["json_schema"]["schema"]["anyOf"]
    assert schema["properties"]["name"] == {"const": "weather"}
    assert "city" in schema["properties"]["arguments"]["properties"]


def test_the_functions_are_described_before_the_history_which_is_left_as_it_is() -> None:
    context = ChatContext.empty()
    context.add_message(role="user", content="hello")
    described = describe_functions(context, required_functions([weather], "required"))
    first = described.items[0]
    assert isinstance(first, ChatMessage)
    assert "weather: Look up the weather." in (first.text_content or "")
    assert len(context.items) == 1
    assert not any(isinstance(item, FunctionCallOutput) for item in described.items)


def test_a_call_is_read_from_its_json() -> None:
    call = parse_call('{"name": "weather", "arguments": {"city": "Paris"}}')
    assert call is not None
    assert (call.name, call.arguments) == ("weather", '{"city": "Paris"}')


def test_a_call_that_was_cut_off_is_none() -> None:
    assert parse_call('{"name": "weather", "argu') is None
