"""A client of the Realtime WebSocket, in the OpenAI Realtime protocol with our extension where the server has it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from voicechat.audio.pcm import Pcm16, from_bytes
from voicechat.client.errors import ClientError
from voicechat.client.microphone import Microphone
from voicechat.client.playout import PlayoutBuffer

OPEN_TIMEOUT_S = 10.0
SEND_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 3.0
MAX_EVENT_BYTES = 16 * 2**20
REPORT_EVERY_S = 0.1
KEY_VARIABLE = "VOICECHAT_API_KEY"


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """A server event and when it came, s on the event loop's clock."""

    at_s: float
    event: Mapping[str, Any]

    @property
    def type(self) -> str:
        """Its protocol name."""
        return str(self.event.get("type", ""))


EventSink = Callable[[TimedEvent], None]


class RealtimeClient:
    """One connection. Every call raises `ClientError` when the server has gone or does not take what is sent."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, event_type: str, **fields: Any) -> None:
        """Send an event."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send(json.dumps({"type": event_type, **fields}))
        except TimeoutError as error:
            raise ClientError("the server takes no more data: it is overloaded or the network is too slow") from error
        except ConnectionClosed as error:
            raise _gone(error) from error

    async def append_audio(self, pcm: Pcm16) -> None:
        """Send microphone audio: int16, mono, 24 kHz."""
        await self.send("input_audio_buffer.append", audio=base64.b64encode(pcm.astype("<i2").tobytes()).decode())

    async def say(self, text: str) -> None:
        """Put text into the conversation as the person's turn, and ask for a reply."""
        content = [{"type": "input_text", "text": text}]
        await self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self.send("response.create")

    async def events(self) -> AsyncIterator[TimedEvent]:
        """Server events as they come; ends when the server closes the connection in good order."""
        now = asyncio.get_running_loop().time
        try:
            async for message in self._socket:
                yield TimedEvent(now(), json.loads(message))
        except ConnectionClosed as error:
            raise _gone(error) from error
        except ValueError as error:
            raise ClientError("the server sent something that is not JSON: is this a Realtime endpoint?") from error


@contextlib.asynccontextmanager
async def open_realtime(url: str, key: str | None = None) -> AsyncIterator[RealtimeClient]:
    """Connect to `url` (ws:// or wss://), showing `key`. Raises `ClientError` when nobody answers there, or refuses."""
    try:
        socket = await connect(
            url,
            additional_headers=key_header(key),
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_EVENT_BYTES,
            proxy=None,
        )
    except InvalidStatus as error:
        if said := _refusal(error.response.body or b""):
            raise ClientError(f"{said} ({KEY_VARIABLE} holds the key that is shown)") from error
        raise ClientError(
            f"{url} answers HTTP {error.response.status_code}: check the address, or start one with `voicechat up`"
        ) from error
    except (OSError, TimeoutError, WebSocketException, ValueError) as error:
        raise ClientError(
            f"nothing that speaks Realtime answers at {url} ({_brief(error)}): start it with `voicechat up`"
        ) from error
    async with socket:
        yield RealtimeClient(socket)


async def hold_call(
    client: RealtimeClient, microphone: Microphone, playout: PlayoutBuffer, on_event: EventSink
) -> None:
    """Send what the microphone hears and queue what is answered, until cancelled.

    Raises `ClientError` when the server ends the call.
    """
    async with asyncio.TaskGroup() as group:
        helpers = [
            group.create_task(_send_audio(client, microphone)),
            group.create_task(_report_played(client, playout)),
        ]
        async for event in client.events():
            _play(event.event, playout)
            on_event(event)
        for helper in helpers:
            helper.cancel()
    raise ClientError("the server ended the conversation")


async def _send_audio(client: RealtimeClient, microphone: Microphone) -> None:
    async for frame in microphone.frames():
        await client.append_audio(frame)


async def _report_played(client: RealtimeClient, playout: PlayoutBuffer) -> None:
    reported: tuple[str, int] = ("", 0)
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        item_id, heard_ms = playout.current
        progress = (item_id, int(heard_ms))
        if progress != reported:
            await client.send("voicechat.played", item_id=item_id, audio_end_ms=progress[1])
            reported = progress


def _play(event: Mapping[str, Any], playout: PlayoutBuffer) -> None:
    match event.get("type"):
        case "response.output_audio.delta":
            playout.push(event["item_id"], from_bytes(base64.b64decode(event["delta"])))
        case "voicechat.cleared":
            playout.clear(event["item_id"])


def key_header(key: str | None) -> dict[str, str]:
    """The header that shows a key; none without one."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _refusal(body: bytes | bytearray) -> str | None:
    """The message of an error object, or None where `body` is none."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return None


def _gone(error: ConnectionClosed) -> ClientError:
    reason = error.rcvd.reason if error.rcvd is not None and error.rcvd.reason else "the connection was lost"
    return ClientError(f"the server ended the conversation: {reason}")


def _brief(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
