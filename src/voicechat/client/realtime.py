"""A client of the Realtime WebSocket, in the OpenAI Realtime protocol with our extension where the server has it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from voicechat.audio.pcm import Pcm16, from_bytes
from voicechat.client.errors import ClientError, RefusedError
from voicechat.client.microphone import Microphone
from voicechat.client.playout import PlayoutBuffer

OPEN_TIMEOUT_S = 10.0
SEND_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 3.0
MAX_EVENT_BYTES = 16 * 2**20
REPORT_EVERY_S = 0.1
KEY_VARIABLE = "VOICECHAT_API_KEY"
REALTIME = "realtime"
REALTIME_PATH = "/v1/realtime"
RESUME_SUBPROTOCOL = "voicechat-resume."
"""Goes before the token of a session that moved here from another process."""


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """A server event and when it came, s on the event loop's clock."""

    at_s: float
    event: Mapping[str, Any]

    @property
    def type(self) -> str:
        """Its protocol name."""
        return str(self.event.get("type", ""))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and the key that is shown to it.

    Attributes:
        url: Of the server (http, https, ws or wss), as in the browser, or of its Realtime WebSocket.
        key: The API key; None: none.
    """

    url: str
    key: str | None = None

    @property
    def realtime_url(self) -> str:
        """Its Realtime WebSocket."""
        parts = urlsplit(self.url)
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        path = REALTIME_PATH if parts.path in ("", "/") else parts.path
        return parts._replace(scheme=scheme, path=path).geturl()


EventSink = Callable[[TimedEvent], None]


class RealtimeClient:
    """One connection. Every call raises `ClientError` when the server has gone or does not take what is sent."""

    def __init__(self, socket: ClientConnection, address: Address = Address("")) -> None:
        self.address = address
        self._socket = socket
        self._greeting: TimedEvent | None = None

    async def greeted(self) -> None:
        """Wait for the session to be open; raises `RefusedError` where it is not."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                async for event in self.events():
                    if event.type == "error":
                        raise RefusedError(event.event["error"].get("code"), event.event["error"]["message"])
                    self._greeting = event
                    return
        except TimeoutError as error:
            raise ClientError("the server did not begin a session in time: it is overloaded") from error
        raise ClientError("the server ended the conversation before it began")

    async def aclose(self) -> None:
        """Close the connection."""
        await self._socket.close()

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
        """Server events as they come; ends when the server closes the connection in good order, or restarts."""
        now = asyncio.get_running_loop().time
        if self._greeting is not None:
            greeting, self._greeting = self._greeting, None
            yield greeting
        try:
            async for message in self._socket:
                yield TimedEvent(now(), json.loads(message))
        except ConnectionClosed as error:
            if error.rcvd is None or error.rcvd.code != CloseCode.SERVICE_RESTART:
                raise _gone(error) from error
        except ValueError as error:
            raise ClientError("the server sent something that is not JSON: is this a Realtime endpoint?") from error


@contextlib.asynccontextmanager
async def open_realtime(url: str, key: str | None = None) -> AsyncIterator[RealtimeClient]:
    """Be connected to `url` while the context lasts. Raises `ClientError` as `connect_realtime` does."""
    client = await connect_realtime(Address(url, key))
    try:
        yield client
    finally:
        await client.aclose()


async def connect_realtime(address: Address, resume_token: str = "") -> RealtimeClient:
    """Connect, with the token of a session to go on with, if any.

    Raises `ClientError` when nobody answers there, or refuses.
    """
    url = address.realtime_url
    try:
        socket = await connect(
            url,
            subprotocols=_subprotocols(resume_token),
            additional_headers=key_header(address.key),
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
    return RealtimeClient(socket, address)


def _subprotocols(resume_token: str) -> list[Subprotocol] | None:
    return [Subprotocol(REALTIME), Subprotocol(RESUME_SUBPROTOCOL + resume_token)] if resume_token else None


async def send_audio(client: RealtimeClient, microphone: Microphone) -> None:
    """Send what the microphone hears, for ever."""
    async for frame in microphone.frames():
        await client.append_audio(frame)


async def report_played(client: RealtimeClient, playout: PlayoutBuffer) -> None:
    """Tell the server how much has been heard while it grows, for ever.

    What was heard before is not told: a server that a session has moved to did not send it.
    """
    reported = _heard(playout)
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        progress = _heard(playout)
        if progress != reported:
            await client.send("voicechat.played", item_id=progress[0], audio_end_ms=progress[1])
            reported = progress


def _heard(playout: PlayoutBuffer) -> tuple[str, int]:
    item_id, heard_ms = playout.current
    return item_id, int(heard_ms)


def play(event: Mapping[str, Any], playout: PlayoutBuffer) -> None:
    """Queue, or drop, what an event says is to be heard."""
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
