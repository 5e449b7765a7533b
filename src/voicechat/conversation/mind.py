"""The mind's half of a reply: what it is told, and what it writes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from livekit.agents import NOT_GIVEN, APIConnectOptions, llm

from voicechat.conversation.clock import Clock
from voicechat.conversation.items import ToolCall, new_id
from voicechat.conversation.ledger import Ledger
from voicechat.conversation.port import ConversationConfig, FunctionTool
from voicechat.conversation.reply import Reply
from voicechat.llm.history import bound_history, join_neighbours

MakeLlm = Callable[..., "llm.LLM[Any]"]
"""Makes the language model of one conversation; takes `temperature` and `max_output_tokens` if a client chose them."""


async def _run_by_the_client(raw_arguments: dict[str, Any]) -> None:
    raise NotImplementedError("functions are run by the client")


def make_tools(tools: Sequence[FunctionTool]) -> list[llm.Tool]:
    """Functions as the mind is told of them."""
    return [
        llm.function_tool(
            _run_by_the_client,
            raw_schema={"name": t.name, "description": t.description, "parameters": dict(t.parameters)},
        )
        for t in tools
    ]


def make_choice(choice: str) -> llm.ToolChoice:
    """`auto`, `none`, `required`, or the name of the function to call."""
    if choice in ("auto", "none", "required"):
        return choice  # type: ignore[return-value]
    return {"type": "function", "function": {"name": choice}}


class Mind:
    """One conversation's language model, and the bounds of what it is told."""

    def __init__(
        self, make_llm: MakeLlm, ledger: Ledger, clock: Clock, history_tokens: int, options: APIConnectOptions
    ) -> None:
        self._make_llm = make_llm
        self._ledger = ledger
        self._clock = clock
        self._history_tokens = history_tokens
        self._options = options
        self._sampling: tuple[float | None, int | None] = (None, None)
        self._retired: list[llm.LLM[Any]] = []
        self.llm = make_llm()

    def configure(self, config: ConversationConfig) -> None:
        """Sampling of the replies to come."""
        sampling = (config.temperature, config.max_output_tokens)
        if sampling == self._sampling:
            return
        self._sampling = sampling
        chosen = {"temperature": sampling[0], "max_output_tokens": sampling[1]}
        self._retired.append(self.llm)
        self.llm = self._make_llm(**{name: value for name, value in chosen.items() if value is not None})

    async def think(
        self, reply: Reply, config: ConversationConfig, on_tool_call: Callable[[ToolCall], None]
    ) -> AsyncGenerator[str, None]:
        """The reply's text as it is written. Raises what the model's plugin raises."""
        told = self._ledger.context(reply.options.instructions or config.instructions, reply.pending_words)
        tools = make_tools(config.tools)
        choice = make_choice(reply.options.tool_choice or config.tool_choice) if tools else NOT_GIVEN
        reply.model = self.llm.model
        reply.times.asked_at = self._clock.wall()
        async with self.llm.chat(
            chat_ctx=join_neighbours(bound_history(told, self._history_tokens)),
            tools=tools,
            tool_choice=choice,
            conn_options=self._options,
        ) as stream:
            async for chunk in stream:
                self._count(reply, chunk)
                if chunk.delta is None:
                    continue
                for call in chunk.delta.tool_calls:
                    on_tool_call(ToolCall(new_id("item"), call.call_id, call.name, call.arguments))
                if chunk.delta.content:
                    reply.text += chunk.delta.content
                    yield chunk.delta.content
        reply.times.thought_at = self._clock.wall()

    async def aclose(self) -> None:
        """Release every model that was made."""
        for model in (*self._retired, self.llm):
            await model.aclose()

    def _count(self, reply: Reply, chunk: llm.ChatChunk) -> None:
        if chunk.usage is not None:
            reply.input_tokens = chunk.usage.prompt_tokens
            reply.output_tokens = chunk.usage.completion_tokens
        if reply.times.first_token_at is None and chunk.has_response():
            reply.times.first_token_at = self._clock.wall()
