"""Every word of a listener, in every language: the reply goes on, and nobody's turn is in the history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from support.conversation import Caller, Play

from voicechat.asr.fake import ScriptedEars, ScriptedStream
from voicechat.asr.port import RecognitionStream, Transcript
from voicechat.conversation.backchannels import known_backchannels
from voicechat.conversation.port import ReplyAudio, ReplyFinished, ReplyStatus, TurnCommitted, TurnDiscarded


def ears_of(language: str) -> type[ScriptedEars]:
    """Ears that hear their script in `language`."""

    class Stream(ScriptedStream):
        async def __aiter__(self) -> AsyncIterator[Transcript]:
            async for transcript in super().__aiter__():
                yield replace(transcript, language=language)

    class Ears(ScriptedEars):
        def stream(self, _: str | None = None) -> RecognitionStream:
            self.streams.append(Stream(self.script, interims=False))
            return self.streams[-1]

    return Ears


@pytest.mark.parametrize("language", sorted(known_backchannels()))
def test_no_word_of_a_listener_takes_a_turn(play: Play, language: str) -> None:
    words = sorted(known_backchannels()[language])
    story = " ".join(f"word{number}" for number in range(4 * len(words) + 20))

    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        await caller.say(1.0)
        await caller.until(ReplyAudio)
        for number, _ in enumerate(words, 1):
            await caller.wait(0.5)
            await caller.say(0.3)
            await caller.until(TurnDiscarded, number)
        await caller.until(ReplyFinished, seconds=300)

    caller = play(scene, heard=["Tell me a story.", *words], says=[story], ears=ears_of(language))

    (finished,) = caller.all(ReplyFinished)
    assert (finished.status, finished.text) == (ReplyStatus.COMPLETED, story)
    assert len(caller.all(TurnCommitted)) == 1
    assert [item.text for item in caller.session.history] == ["Tell me a story.", story]
