"""A tool of the client: called by the mind, run by the client, its output spoken."""

from __future__ import annotations

import json
from typing import Any

from openai import AsyncOpenAI
from support.stack import Stack

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


async def test_the_client_runs_the_function_and_hears_of_its_output(stack: Stack) -> None:
    client = AsyncOpenAI(base_url=f"{stack.url}/v1", api_key="none")
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "tools": [WEATHER], "tool_choice": "required"})
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "What is the weather in Paris?"}],
            }
        )
        await connection.response.create()
        call: Any = None
        async for event in connection:
            assert event.type != "error", event
            if event.type == "response.function_call_arguments.done":
                call = event
            if event.type == "response.done":
                break
        assert call.name == "get_weather"
        assert "city" in json.loads(call.arguments)

        await connection.session.update(session={"type": "realtime", "tools": [], "tool_choice": "auto"})
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "Sunny, 21 degrees."}
        )
        await connection.response.create()
        spoken = 0
        async for event in connection:
            assert event.type != "error", event
            spoken += event.type == "response.output_audio.delta"
            if event.type == "response.done":
                assert event.response.status == "completed"
                break
        assert spoken > 0
