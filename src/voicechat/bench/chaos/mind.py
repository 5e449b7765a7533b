"""`python -m voicechat.bench.chaos.mind PORT`: a mind that says the same and counts, so that only the rest is on trial.

It speaks OpenAI's chat completions, streamed at the pace of a small model.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import StreamingResponse

from voicechat.launch.ports import LOOPBACK

MODEL = "scripted"
REPLY = "Good question, and here is what I know about it. The parcel should reach you before noon. That was answer {}."
ANSWER = re.compile(r"That was answer (\d+)")
"""The reply tells how many came before it, as far as the mind was told: a history that is lost is heard."""
TOKENS_PER_S = 40


def create_mind() -> FastAPI:
    """The app."""
    app = FastAPI()

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "bench"}]}

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> StreamingResponse:
        number = 1 + _answered((await request.json())["messages"])
        return StreamingResponse(_events(REPLY.format(number)), media_type="text/event-stream")

    return app


def _answered(messages: Sequence[dict[str, Any]]) -> int:
    """The number of the last answer in a history."""
    told = (ANSWER.search(str(message["content"])) for message in reversed(messages) if message["role"] == "assistant")
    return next((int(found[1]) for found in told if found), 0)


async def _events(reply: str) -> AsyncIterator[str]:
    for word in reply.split(" "):
        yield _event({"content": f"{word} "}, None)
        await asyncio.sleep(1 / TOKENS_PER_S)
    yield _event({}, "stop")
    yield "data: [DONE]\n\n"


def _event(delta: dict[str, str], finish_reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n"


if __name__ == "__main__":
    uvicorn.run(create_mind(), host=LOOPBACK, port=int(sys.argv[1]), log_level="warning")
