from __future__ import annotations

import pytest

from voicechat.fleet.fake import FakeFleet
from voicechat.fleet.port import (
    AudioChunk,
    SpeechDone,
    SpeechEvent,
    SpeechRequest,
    SpeechStream,
    VoiceError,
    VoiceFleet,
    WordsTimed,
)


async def all_events(stream: SpeechStream) -> list[SpeechEvent]:
    return [event async for event in stream]


async def test_each_word_is_timed_before_its_audio_and_the_audio_is_as_long_as_the_words() -> None:
    fleet: VoiceFleet = FakeFleet(word_ms=100)
    async with fleet.speak(SpeechRequest()) as stream:
        await stream.push_text("One two. Three")
        await stream.end()
        events = await all_events(stream)

    words = [word for event in events if isinstance(event, WordsTimed) for word in event.words]
    assert [(word.text, word.char_start, word.start_ms) for word in words] == [
        ("One", 0, 0),
        ("two.", 4, 100),
        ("Three", 9, 200),
    ]
    assert sum(event.pcm.size for event in events if isinstance(event, AudioChunk)) == 7200
    assert events[-1] == SpeechDone(300.0, 0.0, stopped=False)


async def test_a_stopped_reply_says_so_and_gives_no_more_audio() -> None:
    async with FakeFleet().speak(SpeechRequest()) as stream:
        await stream.push_text("One two three. ")
        await stream.stop()
        events = await all_events(stream)

    assert [type(event) for event in events] == [SpeechDone]
    assert isinstance(events[0], SpeechDone) and events[0].stopped


async def test_a_reply_can_be_made_to_fail_in_the_middle() -> None:
    async with FakeFleet(fail_after_ms=200).speak(SpeechRequest()) as stream:
        await stream.push_text("One two three. ")
        with pytest.raises(VoiceError, match="died"):
            await all_events(stream)
