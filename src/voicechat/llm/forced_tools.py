"""Tool calls of the embedded model where the conversation requires one.

The model never learnt to call functions, and its chat template leaves tools out. Where a call is optional it just
talks. Where one is required its grammar is: the reply can only be the JSON of a call to one of the functions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr
from livekit.agents.llm import ChatChunk, ChatContext, ChoiceDelta, FunctionToolCall, Tool, ToolChoice, ToolContext
from livekit.agents.llm.utils import ThinkingTokenFilter
from livekit.agents.utils import is_given, shortuuid
from livekit.plugins.openai.llm import LLM, LLMStream
from openai.types.chat.chat_completion_chunk import Choice

LONGEST_CALL_TOKENS = 256
Functions = Sequence[Mapping[str, Any]]


class ForcedToolLLM(LLM):
    """An LLM whose required tool calls are enforced by grammar; everything else is as usual."""

    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: list[Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        response_format: NotGivenOr[Any] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> LLMStream:
        """Reply, or call exactly one function where `tool_choice` requires it."""
        choice = tool_choice if is_given(tool_choice) else self._opts.tool_choice
        functions = required_functions(tools or [], choice)
        if functions:
            return self._call_one(functions, chat_ctx, conn_options)
        return super().chat(
            chat_ctx=chat_ctx,
            conn_options=conn_options,
            response_format=response_format,
            extra_kwargs=extra_kwargs,
        )

    def _call_one(self, functions: Functions, chat_ctx: ChatContext, conn_options: APIConnectOptions) -> LLMStream:
        extra: dict[str, Any] = {
            "response_format": call_format(functions),
            "extra_body": {"max_tokens": LONGEST_CALL_TOKENS},
            "temperature": 0,
        }
        return _CallStream(
            self,
            model=self._opts.model,
            provider_fmt="openai",
            strict_tool_schema=False,
            client=self._client,
            chat_ctx=describe_functions(chat_ctx, functions),
            tools=[],
            conn_options=conn_options,
            extra_kwargs=extra,
        )


def required_functions(tools: list[Tool], choice: NotGivenOr[ToolChoice | None]) -> Functions:
    """The functions of which one must be called; none where that is left open."""
    if not tools or not is_given(choice) or choice in (None, "auto", "none"):
        return []
    schemas = ToolContext(tools).parse_function_tools("openai", strict=False)
    functions = [schema["function"] for schema in schemas if schema.get("type") == "function"]
    if isinstance(choice, dict):
        functions = [function for function in functions if function["name"] == choice["function"]["name"]]
    return functions


def call_format(functions: Functions) -> dict[str, Any]:
    """The response format that admits nothing but a call to one of the functions."""
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": function["name"]},
                "arguments": function.get("parameters") or {"type": "object"},
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for function in functions
    ]
    return {"type": "json_schema", "json_schema": {"name": "call", "schema": {"anyOf": calls}}}


def describe_functions(context: ChatContext, functions: Functions) -> ChatContext:
    """A copy of the history that begins with what the functions do."""
    lines = [f"{function['name']}: {function.get('description', '')}" for function in functions]
    described = ChatContext.empty()
    described.add_message(
        role="system", content="\n".join(["Call one of these functions with what the user said:", *lines])
    )
    return ChatContext([*described.items, *context.items])


class _CallStream(LLMStream):
    """Gathers the JSON of a call and hands it on as one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._json = ""

    def _parse_choice(self, id: str, choice: Choice, thinking_filter: ThinkingTokenFilter) -> ChatChunk | None:
        self._json += (choice.delta.content if choice.delta else None) or ""
        if choice.finish_reason is None:
            return None
        call = parse_call(self._json)
        return None if call is None else ChatChunk(id=id, delta=ChoiceDelta(role="assistant", tool_calls=[call]))


def parse_call(text: str) -> FunctionToolCall | None:
    """The call that the model wrote; None where it was cut off."""
    try:
        call = json.loads(text)
    except ValueError:
        return None
    return FunctionToolCall(name=call["name"], arguments=json.dumps(call["arguments"]), call_id=shortuuid("call_"))
