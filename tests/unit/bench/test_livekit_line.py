"""What a caller in a room makes of the assistant's events."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from livekit import rtc

from voicechat.bench.calls.line import Measured, Paused, ReplyBegan, ReplyOver, Signal, SpeechNoticed, TurnTaken
from voicechat.bench.calls.livekit_line import LiveKitLine
from voicechat.bench.calls.options import Transport, transports
from voicechat.bench.systems.port import BenchError


def heard(*events: dict[str, Any], topic: str = "voicechat") -> tuple[list[Signal], LiveKitLine]:
    async def run() -> tuple[list[Signal], LiveKitLine]:
        line = LiveKitLine(rtc.Room())
        for event in events:
            line._told(rtc.DataPacket(json.dumps(event).encode(), rtc.DataPacketKind.KIND_RELIABLE, None, topic))
        line._put_end()
        return [timed.signal async for timed in line.signals()], line

    return asyncio.run(run())


def test_events_of_a_turn_are_told_in_the_words_of_callers() -> None:
    signals, _ = heard(
        {"type": "voicechat.speech", "item_id": "u1"},
        {"type": "voicechat.committed", "item_id": "u1"},
        {"type": "voicechat.reply", "status": "started", "response_id": "r1", "item_id": "i1"},
        {"type": "voicechat.turn", "response_id": "r1", "stages_ms": {"total": 700.0}, "starts_ms": {}},
        {"type": "voicechat.state", "state": "interrupted"},
        {"type": "voicechat.state", "state": "listening"},
        {"type": "voicechat.reply", "status": "completed", "response_id": "r1", "item_id": "i1", "text": "Hi."},
    )
    assert signals == [
        SpeechNoticed(),
        TurnTaken("u1"),
        ReplyBegan("r1"),
        Measured("r1", {"total": 700.0}, {}),
        Paused(),
        ReplyOver("r1", completed=True),
    ]


def test_the_words_that_count_are_those_told_at_the_end() -> None:
    cut = {"type": "voicechat.reply", "status": "cancelled", "response_id": "r1", "item_id": "i1", "text": "Once upon"}
    signals, line = heard(cut)
    assert signals == [ReplyOver("r1", completed=False)]
    assert asyncio.run(line.history("i1")) == "Once upon"
    assert asyncio.run(line.history("i2")) is None


def test_data_of_others_means_nothing() -> None:
    assert heard({"type": "voicechat.speech"}, topic="chat")[0] == []
    assert heard({"type": "voicechat.unheard-of"})[0] == []


def test_transports_are_named() -> None:
    assert transports("websocket, livekit") == (Transport.WEBSOCKET, Transport.LIVEKIT)
    with pytest.raises(BenchError, match="choose from websocket, livekit"):
        transports("pigeon")
