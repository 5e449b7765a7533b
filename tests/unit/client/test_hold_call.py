from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from voicechat.audio.pcm import Pcm16, from_bytes
from voicechat.client import moving
from voicechat.client.errors import ClientError, one_error
from voicechat.client.fake import FakeSocket
from voicechat.client.microphone import ScriptedMicrophone
from voicechat.client.moving import hold_call
from voicechat.client.playout import RATE_HZ, PlayoutBuffer, play_in_real_time
from voicechat.client.realtime import Address, RealtimeClient, TimedEvent
from voicechat.client.talk import RecordedCall
from voicechat.client.turns import TurnLog


@dataclass(frozen=True, slots=True)
class Line:
    socket: FakeSocket
    call: RecordedCall
    heard: list[Pcm16]
    events: list[TimedEvent]


@asynccontextmanager
async def on_the_line() -> AsyncIterator[Line]:
    line = Line(FakeSocket(), RecordedCall(ScriptedMicrophone(0.0), PlayoutBuffer(), TurnLog()), [], [])

    def take(event: TimedEvent) -> None:
        line.call.log.add(event.event)
        line.events.append(event)

    client = RealtimeClient(cast(Any, line.socket), Address("ws://fake"))
    with one_error():
        async with asyncio.TaskGroup() as group:
            holding = group.create_task(hold_call(client, line.call.microphone, line.call.playout, take))
            playing = group.create_task(play_in_real_time(line.call.playout, line.heard.append, 0.0))
            yield line
            holding.cancel()
            playing.cancel()


def say_aloud(socket: FakeSocket, duration_ms: int, item_id: str = "a1") -> None:
    pcm = np.full(duration_ms * RATE_HZ // 1000, 5, np.int16)
    socket.tell("response.output_audio.delta", item_id=item_id, delta=base64.b64encode(pcm.tobytes()).decode())


async def test_the_microphone_is_sent_in_frames_of_20_ms() -> None:
    async with on_the_line() as line:
        line.call.microphone.say(np.arange(960, dtype=np.int16))
        await asyncio.sleep(0.205)

    frames = line.socket.sent_of("input_audio_buffer.append")
    audio = from_bytes(base64.b64decode("".join(frame["audio"] for frame in frames[:2])))
    assert audio.tolist() == list(range(960))
    assert [round(at_s, 3) for at_s in line.socket.sent_at_s] == [round(0.02 * n, 3) for n in range(1, 11)]


async def test_what_the_server_says_is_heard() -> None:
    async with on_the_line() as line:
        say_aloud(line.socket, 100)
        await asyncio.sleep(1)

    assert int(np.concatenate(line.heard).sum()) == 5 * RATE_HZ // 10


async def test_a_clear_silences_the_reply_at_once() -> None:
    async with on_the_line() as line:
        say_aloud(line.socket, 400)
        await asyncio.sleep(0.09)
        line.socket.tell("voicechat.cleared", item_id="a1")
        await asyncio.sleep(1)

    assert int(np.concatenate(line.heard).sum()) == 5 * RATE_HZ // 10


async def test_what_has_been_heard_is_reported_every_100_ms_while_it_grows() -> None:
    async with on_the_line() as line:
        say_aloud(line.socket, 250)
        await asyncio.sleep(2)

    reports = line.socket.sent_of("voicechat.played")
    assert [report["item_id"] for report in reports] == ["a1"] * 3
    assert [report["audio_end_ms"] for report in reports][-1] == 250


async def test_events_carry_the_time_they_came() -> None:
    async with on_the_line() as line:
        await asyncio.sleep(0.25)
        line.socket.tell("session.created")
        await asyncio.sleep(0.1)

    (event,) = line.events
    assert (event.type, round(event.at_s, 6)) == ("session.created", 0.25)


async def test_a_server_that_hangs_up_ends_the_call_with_a_sentence() -> None:
    with pytest.raises(ClientError, match="the server ended the conversation"):
        async with on_the_line() as line:
            line.socket.hang_up()
            await asyncio.sleep(10)


async def test_the_next_part_waits_until_the_reply_has_been_heard() -> None:
    async with on_the_line() as line:
        tone = np.full(RATE_HZ // 10, 9000, np.int16)
        saying = asyncio.ensure_future(line.call.say_all([tone, tone], timeout_s=30))
        await asyncio.sleep(0.2)
        line.socket.tell("response.created", response={"id": "r1"})
        await asyncio.sleep(1)
        say_aloud(line.socket, 2000)
        line.socket.tell("response.done", response={"id": "r1", "status": "completed"})
        await asyncio.sleep(3.3)
        assert line.call.microphone.voice_ended_ms(1e9) == 100

        await saying

        second_ms = line.call.microphone.voice_ended_ms(1e9)
        assert second_ms is not None
        assert 1200 + 2000 + 1500 < second_ms < 1200 + 2000 + 1500 + 300


async def test_a_reply_that_does_not_end_is_an_error_of_the_report() -> None:
    async with on_the_line() as line:
        line.socket.tell("response.created", response={"id": "r1"})
        await line.call.say_all([np.ones(480, np.int16), np.ones(480, np.int16)], timeout_s=5)

    assert line.call.log.errors == ["no reply came to its end within 5 s: see the server's log"]


class Exchange:
    """What is at the address: fake servers, one after another; the first ones are not ready."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, unready: int = 0) -> None:
        self.sockets: list[FakeSocket] = []
        self.tokens: list[str] = []
        self._unready = unready
        monkeypatch.setattr(moving, "connect_realtime", self._connect)

    async def _connect(self, address: Address, resume_token: str = "") -> RealtimeClient:
        self.tokens.append(resume_token)
        if len(self.tokens) <= self._unready:
            raise ClientError("nobody answers")
        socket = FakeSocket()
        socket.tell("session.created")
        self.sockets.append(socket)
        return RealtimeClient(cast(Any, socket), address)


async def test_a_session_that_moves_is_left_once_its_reply_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange(monkeypatch, unready=2)
    async with on_the_line() as line:
        line.socket.tell("response.created", response={"id": "r1"})
        line.socket.tell("voicechat.session.moved", resume_token="t1")
        say_aloud(line.socket, 400)
        await asyncio.sleep(1)
        assert not line.socket.sent_of("voicechat.session.leave")
        line.socket.tell("response.done", response={"id": "r1", "status": "completed"})
        await asyncio.sleep(0.2)
        assert len(line.socket.sent_of("voicechat.session.leave")) == 1
        line.socket.hang_up()
        await asyncio.sleep(5)
        (socket,) = exchange.sockets
        say_aloud(socket, 100, "a2")
        await asyncio.sleep(1)

    assert exchange.tokens == ["t1"] * 3
    assert int(np.concatenate(line.heard).sum()) == 5 * RATE_HZ // 2
    assert {report["item_id"] for report in socket.sent_of("voicechat.played")} == {"a2"}


async def test_what_is_said_while_a_session_moves_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange(monkeypatch)
    async with on_the_line() as line:
        await asyncio.sleep(1)
        line.call.microphone.say(np.arange(RATE_HZ, dtype=np.int16))
        await asyncio.sleep(0.1)
        line.socket.tell("voicechat.session.moved", resume_token="t1")
        await asyncio.sleep(0.3)
        line.socket.hang_up()
        await asyncio.sleep(3)

    (socket,) = exchange.sockets
    frames = socket.sent_of("input_audio_buffer.append")
    audio = from_bytes(base64.b64decode("".join(frame["audio"] for frame in frames)))
    begin = int(np.flatnonzero(audio == 1)[0]) - 1
    assert audio[begin : begin + RATE_HZ].tolist() == list(range(RATE_HZ))
    assert begin >= RATE_HZ // 10


async def test_a_session_that_nobody_takes_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    Exchange(monkeypatch, unready=1000)
    with pytest.raises(ClientError, match="nobody answers"):
        async with on_the_line() as line:
            line.socket.tell("voicechat.session.moved", resume_token="t1")
            await asyncio.sleep(0.2)
            line.socket.hang_up()
            await asyncio.sleep(120)
