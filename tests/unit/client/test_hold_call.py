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
from voicechat.client.errors import ClientError, one_error
from voicechat.client.fake import FakeSocket
from voicechat.client.microphone import ScriptedMicrophone
from voicechat.client.playout import RATE_HZ, PlayoutBuffer, play_in_real_time
from voicechat.client.realtime import RealtimeClient, TimedEvent, hold_call
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

    client = RealtimeClient(cast(Any, line.socket))
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
