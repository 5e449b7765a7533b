"""`python -m voicechat.bench.chaos.mind PORT`: a mind that always says the same, so that only the voice is on trial.

It speaks OpenAI's chat completions, streamed at the pace of a small model.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from voicechat.launch.ports import LOOPBACK

MODEL = "scripted"
REPLY = (
    "Good question, and here is what I know about it. The parcel left the depot this morning, and it should reach you "
    "before noon."
)
TOKENS_PER_S = 40


def create_mind() -> FastAPI:
    """The app."""
    app = FastAPI()

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "bench"}]}

    @app.post("/v1/chat/completions")
    async def complete() -> StreamingResponse:
        return StreamingResponse(_events(), media_type="text/event-stream")

    return app


async def _events() -> AsyncIterator[str]:
    for word in REPLY.split(" "):
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
