from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import numpy as np
import pytest

from voicechat.bench.calls.line import (
    ReplyBegan,
    ReplyOver,
    ReplySound,
    Signal,
    SoundVoid,
    Transcribed,
    TurnTaken,
)
from voicechat.bench.calls.options import levels, numbers, speakers
from voicechat.bench.calls.pipecat_line import PipecatLine
from voicechat.bench.calls.realtime_line import RealtimeLine
from voicechat.bench.calls.setting import find_call_peers
from voicechat.bench.systems.port import BenchError
from voicechat.client.realtime import RealtimeClient

SOUND = np.arange(480, dtype=np.int16)


class Socket:
    """Gives messages, and keeps what is sent."""

    def __init__(self, *messages: str | bytes) -> None:
        self._messages = iter(messages)
        self.sent: list[Any] = []

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def __aiter__(self) -> Socket:
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return next(self._messages)
        except StopIteration:
            raise StopAsyncIteration from None


async def read(line: Any) -> list[Signal]:
    return [timed.signal async for timed in line.signals()]


def realtime(*events: dict[str, Any]) -> RealtimeLine:
    return RealtimeLine(RealtimeClient(Socket(*map(json.dumps, events))))  # type: ignore[arg-type]


def pipecat(*messages: dict[str, Any] | bytes) -> PipecatLine:
    socket = Socket(*(one if isinstance(one, bytes) else json.dumps(one) for one in messages))
    return PipecatLine(socket)  # type: ignore[arg-type]


async def test_interim_words_of_the_product_are_told_whole() -> None:
    kind = "conversation.item.input_audio_transcription"
    line = realtime(
        {"type": f"{kind}.delta", "item_id": "i", "delta": "why"},
        {"type": f"{kind}.delta", "item_id": "i", "delta": " not"},
        {"type": f"{kind}.completed", "item_id": "i", "transcript": "Why not?"},
    )
    texts = [(one.text, one.is_final) for one in await read(line) if isinstance(one, Transcribed)]
    assert texts == [("why", False), ("why not", False), ("Why not?", True)]


async def test_words_that_the_product_corrects_are_told() -> None:
    line = realtime(*({"type": "voicechat.transcript", "item_id": "i", "text": text} for text in ("wad", "what")))
    assert [one.text for one in await read(line) if isinstance(one, Transcribed)] == ["wad", "what"]


async def test_sound_of_the_product_belongs_to_its_item() -> None:
    delta = base64.b64encode(SOUND.tobytes()).decode()
    (sound,) = await read(
        realtime({"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": delta})
    )
    assert isinstance(sound, ReplySound) and sound.item_id == "i" and np.array_equal(sound.pcm, SOUND)


async def test_what_callers_do_not_know_is_passed_over() -> None:
    assert (
        await read(realtime({"type": "rate_limits.updated"}, {"type": "voicechat.state", "state": "listening"})) == []
    )


async def test_history_is_what_the_product_answers() -> None:
    item = {"id": "i", "type": "message", "content": [{"type": "output_audio", "transcript": "Once upon"}]}
    line = realtime({"type": "conversation.item.retrieved", "item": item})
    asked = asyncio.create_task(line.history("i"))
    await asyncio.sleep(0)
    await read(line)
    assert await asked == "Once upon"


async def test_sound_of_pipecat_after_a_clear_belongs_to_the_next_reply() -> None:
    sound = SOUND.tobytes()
    line = pipecat(
        {"type": "reply_began"}, sound, {"type": "clear"}, {"type": "turn_taken"}, {"type": "reply_began"}, sound
    )
    signals = await read(line)
    assert [one.item_id for one in signals if isinstance(one, ReplySound)] == ["reply-1", "reply-2"]
    assert SoundVoid("reply-1") in signals and ReplyOver("reply-1", completed=False) in signals
    assert signals.index(TurnTaken("turn-1")) < signals.index(ReplyBegan("reply-2"))


async def test_pipecat_is_sent_two_thirds_of_the_samples() -> None:
    line = pipecat()
    for _ in range(50):
        await line.send(np.zeros(480, np.int16))
    sent = line._socket.sent  # type: ignore[attr-defined]
    assert 15_000 <= sum(len(message) // 2 for message in sent) <= 16_000


@pytest.mark.parametrize("given", ["0", "one", "1,,2", "-1"])
def test_a_count_of_callers_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(BenchError, match="--callers"):
        numbers(given)


def test_options_are_lists() -> None:
    assert (numbers("1,4"), levels("clean,20"), len(speakers("human,synthetic"))) == ((1, 4), (None, 20.0), 2)


def test_unknown_speakers_levels_and_peers_are_refused() -> None:
    for parse, given in ((speakers, "robot"), (levels, "loud")):
        with pytest.raises(BenchError, match=given):
            parse(given)
    with pytest.raises(BenchError, match="pipecat"):
        find_call_peers(["siri"])
