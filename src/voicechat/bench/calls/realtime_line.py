"""The product, called over its own Realtime WebSocket."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from voicechat.audio.pcm import Pcm16, from_bytes
from voicechat.bench.calls.line import (
    CallWish,
    Failed,
    Line,
    Measured,
    Paused,
    ReplyBegan,
    ReplyOver,
    ReplySound,
    Signal,
    SoundVoid,
    SpeechNoticed,
    TimedSignal,
    Transcribed,
    TurnTaken,
)
from voicechat.client.realtime import RealtimeClient, open_realtime

RETRIEVE_TIMEOUT_S = 5.0


class RealtimeLine:
    """One connection."""

    def __init__(self, client: RealtimeClient) -> None:
        self._client = client
        self._interim: dict[str, str] = {}
        self._asked: dict[str, asyncio.Future[str]] = {}

    async def send(self, pcm: Pcm16) -> None:
        """20 ms of the caller's sound."""
        await self._client.append_audio(pcm)

    async def signals(self) -> AsyncIterator[TimedSignal]:
        """What the server sends, in the words of callers."""
        async for timed in self._client.events():
            reader = _READERS.get(timed.type)
            signal = reader(self, timed.event) if reader is not None else None
            if signal is not None:
                yield TimedSignal(timed.at_s, signal)

    async def played(self, item_id: str, position_ms: int) -> None:
        """As our own clients report it."""
        await self._client.send("voicechat.played", item_id=item_id, audio_end_ms=position_ms)

    async def hush(self) -> None:
        """Stop the reply, as the page's button does."""
        await self._client.send("response.cancel")

    async def history(self, item_id: str) -> str | None:
        """The item's words, as the server keeps them. `signals` must be read meanwhile."""
        answer = asyncio.get_running_loop().create_future()
        self._asked[item_id] = answer
        await self._client.send("conversation.item.retrieve", item_id=item_id)
        async with asyncio.timeout(RETRIEVE_TIMEOUT_S):
            return str(await answer)

    def _transcribing(self, event: Mapping[str, Any]) -> Signal:
        text = self._interim.get(event["item_id"], "") + event["delta"]
        self._interim[event["item_id"]] = text
        return Transcribed(event["item_id"], text.strip(), is_final=False)

    def _words_so_far(self, event: Mapping[str, Any]) -> Signal:
        return Transcribed(event["item_id"], event["text"].strip(), is_final=False)

    def _transcribed(self, event: Mapping[str, Any]) -> Signal:
        return Transcribed(event["item_id"], event["transcript"].strip(), is_final=True)

    def _sound(self, event: Mapping[str, Any]) -> Signal:
        return ReplySound(event["response_id"], event["item_id"], from_bytes(base64.b64decode(event["delta"])))

    def _state(self, event: Mapping[str, Any]) -> Signal | None:
        return Paused() if event["state"] == "interrupted" else None

    def _retrieved(self, event: Mapping[str, Any]) -> None:
        item = event["item"]
        if answer := self._asked.pop(item["id"], None):
            parts = item.get("content") or []
            answer.set_result(" ".join(part.get("transcript") or part.get("text") or "" for part in parts).strip())


_Reader = Callable[[RealtimeLine, Mapping[str, Any]], Signal | None]

_READERS: Mapping[str, _Reader] = {
    "input_audio_buffer.speech_started": lambda _, event: SpeechNoticed(),
    "input_audio_buffer.committed": lambda _, event: TurnTaken(event["item_id"]),
    "conversation.item.input_audio_transcription.delta": RealtimeLine._transcribing,
    "conversation.item.input_audio_transcription.completed": RealtimeLine._transcribed,
    "response.created": lambda _, event: ReplyBegan(event["response"]["id"]),
    "response.output_audio.delta": RealtimeLine._sound,
    "response.done": lambda _, event: ReplyOver(
        event["response"]["id"], completed=event["response"]["status"] == "completed"
    ),
    "voicechat.cleared": lambda _, event: SoundVoid(event["item_id"]),
    "voicechat.state": RealtimeLine._state,
    "voicechat.transcript": RealtimeLine._words_so_far,
    "voicechat.turn": lambda _, event: Measured(
        event["response_id"], dict(event["stages_ms"]), dict(event.get("starts_ms", {}))
    ),
    "conversation.item.retrieved": RealtimeLine._retrieved,
    "error": lambda _, event: Failed(event["error"]["message"]),
}


class RealtimeAssistant:
    """A running server at `url` (ws://.../v1/realtime); `settings` goes into the report."""

    def __init__(self, url: str, settings: dict[str, Any]) -> None:
        self.name = "voicechat"
        self.settings = settings
        self._url = url

    @asynccontextmanager
    async def call(self, wish: CallWish) -> AsyncIterator[Line]:
        """Connect, and say what is wished."""
        async with open_realtime(self._url) as client:
            await client.send("session.update", session=_session(wish))
            yield RealtimeLine(client)


def _session(wish: CallWish) -> dict[str, Any]:
    session: dict[str, Any] = {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    if wish.instructions is not None:
        session["instructions"] = wish.instructions
    if wish.max_output_tokens is not None:
        session["max_output_tokens"] = wish.max_output_tokens
    return session
