from __future__ import annotations

import asyncio
import contextlib

import numpy as np

from voicechat.audio.pcm import Pcm16
from voicechat.client.microphone import FRAME_SAMPLES, ScriptedMicrophone


async def take(microphone: ScriptedMicrophone, count: int) -> list[Pcm16]:
    async with contextlib.aclosing(microphone.frames()) as frames:  # type: ignore[type-var]
        return [await anext(frames) for _ in range(count)]


def tone(frames: int) -> Pcm16:
    return np.full(frames * FRAME_SAMPLES, 9000, np.int16)


async def test_a_frame_comes_every_20_ms_when_its_last_sample_could_have_been_heard() -> None:
    loop = asyncio.get_running_loop()

    await take(ScriptedMicrophone(loop.time()), 50)

    assert round(loop.time(), 6) == 1.0


async def test_silence_flows_while_nothing_is_said() -> None:
    microphone = ScriptedMicrophone(0.0)
    microphone.say(tone(2))

    frames = await take(microphone, 4)

    assert [bool(frame.any()) for frame in frames] == [True, True, False, False]
    assert {frame.size for frame in frames} == {FRAME_SAMPLES}


async def test_the_last_frame_is_filled_up_with_silence() -> None:
    microphone = ScriptedMicrophone(0.0)
    microphone.say(np.ones(FRAME_SAMPLES + 1, np.int16))

    frames = await take(microphone, 2)

    assert frames[1].tolist() == [1] + [0] * (FRAME_SAMPLES - 1)


async def test_the_end_of_the_script_is_awaited() -> None:
    microphone = ScriptedMicrophone(0.0)
    microphone.say(tone(10))
    said = asyncio.ensure_future(microphone.said())

    await take(microphone, 9)
    assert not said.done()
    await take(microphone, 1)
    await said


async def test_the_end_of_a_voice_is_known_in_the_audio_that_was_sent() -> None:
    microphone = ScriptedMicrophone(0.0)
    await take(microphone, 5)
    microphone.say(tone(10))
    await take(microphone, 20)

    assert microphone.voice_ended_ms(400) == 300
    assert microphone.voice_ended_ms(50) is None


async def test_frames_that_a_stall_delayed_follow_at_once() -> None:
    loop = asyncio.get_running_loop()
    microphone = ScriptedMicrophone(loop.time() - 1.0)

    await take(microphone, 50)

    assert loop.time() < 0.001
