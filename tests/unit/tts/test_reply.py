from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
from support.virtual_time import run

from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.tts.fake import FakeVoice
from voicechat.tts.options import reply_options
from voicechat.tts.refusal import Refusal, invalid
from voicechat.tts.reply import Reply
from voicechat.tts.scheduler import Pace

T = TypeVar("T")
RATE_HZ = 8000


class Scene:
    """A reply on the fake voice, whose work is done where it is submitted; `sent` keeps what went out and when."""

    def __init__(self, **start: object) -> None:
        self.voice = FakeVoice(RATE_HZ)
        self.sent: list[tuple[float, pb.SynthesizeResponse]] = []
        self.deadlines: list[float] = []
        self._loop = asyncio.get_running_loop()
        message = pb.Start(**({"seed": 1, "sentence_silence_ms": 0, "pace": pb.BULK} | start))  # type: ignore[arg-type]
        options = reply_options(message, self.voice.traits)
        self.reply = Reply(self.voice, 0.0, options, self._submit, self._send, 1000, self._loop.time)

    def _submit(self, run: Callable[[], T], pace: Pace, deadline_s: float) -> asyncio.Future[T]:
        self.deadlines.append(deadline_s)
        done: asyncio.Future[T] = self._loop.create_future()
        done.set_result(run())
        return done

    async def _send(self, response: pb.SynthesizeResponse) -> None:
        self.sent.append((self._loop.time(), response))

    def kinds(self) -> list[str]:
        return [str(response.WhichOneof("response")) for _, response in self.sent]

    def samples(self) -> int:
        return sum(len(response.audio.pcm) // 2 for _, response in self.sent)

    def audio(self) -> bytes:
        return b"".join(response.audio.pcm for _, response in self.sent)

    def words(self) -> list[pb.Word]:
        return [word for _, response in self.sent for word in response.words.words]

    async def speak(self, text: str) -> None:
        await self.reply.push_text(text)
        self.reply.end()
        await self.reply.speak()


def test_words_come_before_their_audio_and_segments_are_closed_in_order() -> None:
    async def main() -> Scene:
        scene = Scene()
        await scene.speak("One two. Three.")
        return scene

    scene = run(main())
    order = [kind for kind, before in zip(scene.kinds(), [None, *scene.kinds()], strict=False) if kind != before]
    # The filters hold the last few ms back until the reply ends.
    assert order == ["segment", "words", "audio", "segment_done"] * 2 + ["audio", "done"]
    assert [(word.text, word.char_start) for word in scene.words()] == [("One", 0), ("two", 4), ("Three", 9)]
    assert [word.start_ms for word in scene.words()] == pytest.approx([0, 100, 200])
    assert scene.samples() == RATE_HZ * 0.3


def test_silence_stands_between_sentences_and_not_behind_the_last() -> None:
    async def main() -> Scene:
        scene = Scene(sentence_silence_ms=500)
        await scene.speak("One. Two. \n\n 🙂")
        return scene

    scene = run(main())
    assert scene.samples() == RATE_HZ * 0.7
    assert [word.start_ms for word in scene.words()] == pytest.approx([0, 600])


def test_realtime_audio_stays_two_seconds_ahead_of_a_silent_client() -> None:
    async def main() -> list[tuple[float, float]]:
        scene = Scene(pace=pb.REALTIME)
        await scene.speak("word " * 60)
        leads, sent = [], 0
        for at_s, response in scene.sent:
            sent += len(response.audio.pcm) // 2
            leads.append((at_s, sent / RATE_HZ - at_s))
        return leads

    leads = run(main())
    assert max(lead for _, lead in leads) <= 2.0
    assert leads[-1][0] == pytest.approx(4.1, abs=0.15)


def test_realtime_audio_waits_for_what_the_client_reports() -> None:
    async def main() -> tuple[float, float]:
        scene = Scene(pace=pb.REALTIME)
        scene.reply.played(0)
        speaking = asyncio.ensure_future(scene.speak("word " * 60))
        await asyncio.sleep(100)
        before_s = scene.samples() / RATE_HZ
        scene.reply.played(RATE_HZ)
        await asyncio.sleep(100)
        after_s = scene.samples() / RATE_HZ
        speaking.cancel()
        return before_s, after_s

    before_s, after_s = run(main())
    assert 1.8 <= before_s <= 2.0
    assert 2.8 <= after_s <= 3.0


def test_messages_are_small_until_the_listener_has_plenty() -> None:
    async def main() -> list[int]:
        scene = Scene(pace=pb.REALTIME)
        await scene.speak("word " * 60)
        return [len(response.audio.pcm) // 2 for _, response in scene.sent if response.audio.pcm]

    sizes = run(main())
    assert max(sizes[:10]) == 0.04 * RATE_HZ
    assert max(sizes[-10:]) == 0.1 * RATE_HZ, "a word of the fake voice"


def test_work_is_not_done_long_before_it_is_needed() -> None:
    async def main() -> int:
        scene = Scene(pace=pb.REALTIME)
        scene.reply.played(0)
        speaking = asyncio.ensure_future(scene.speak("word " * 60))
        await asyncio.sleep(100)
        speaking.cancel()
        return scene.voice.taken

    assert 20 <= run(main()) <= 22


def test_a_pause_sends_nothing_and_the_reply_goes_on_without_loss_or_repeat() -> None:
    async def main() -> tuple[int, int, bytes, bytes]:
        whole = Scene()
        await whole.speak("word " * 60)
        scene = Scene(pace=pb.REALTIME)
        speaking = asyncio.ensure_future(scene.speak("word " * 60))
        await asyncio.sleep(1)
        scene.reply.pause()
        before = scene.samples()
        await asyncio.sleep(1000)
        after = scene.samples()
        scene.reply.resume()
        await speaking
        return before, after, scene.audio(), whole.audio()

    before, after, paused, unpaused = run(main())
    assert before == after
    assert paused == unpaused


def test_stop_ends_at_once_even_in_a_pause() -> None:
    async def main() -> Scene:
        scene = Scene(pace=pb.REALTIME)
        speaking = asyncio.ensure_future(scene.speak("word " * 60))
        await asyncio.sleep(1)
        scene.reply.pause()
        scene.reply.stop()
        await speaking
        return scene

    scene = run(main())
    done_at_s, last = scene.sent[-1]
    assert done_at_s == 1
    assert last.done.stopped and last.done.audio_ms == pytest.approx(scene.samples() * 1000 / RATE_HZ)


def test_skipping_leaves_out_the_beginning_and_keeps_the_clock() -> None:
    async def main() -> tuple[bytes, Scene]:
        whole, skipped = Scene(), Scene(skip_ms=250)
        await whole.speak("One two three four.")
        await skipped.speak("One two three four.")
        return whole.audio(), skipped

    whole, skipped = run(main())
    first = next(response.audio for _, response in skipped.sent if response.HasField("audio"))
    assert first.offset_samples == 2000
    assert skipped.audio() == whole[4000:]
    assert [word.text for word in skipped.words()] == ["three", "four"]


def test_text_past_the_bound_is_refused_by_name() -> None:
    async def main() -> None:
        with pytest.raises(Refusal, match="worker.max_text_chars"):
            await Scene().reply.push_text("x" * 1001)

    run(main())


def test_a_wrong_request_ends_the_reply_with_its_refusal() -> None:
    async def main() -> None:
        scene = Scene()
        speaking = asyncio.ensure_future(scene.reply.speak())
        await asyncio.sleep(1)
        scene.reply.fail(invalid("wrong"))
        with pytest.raises(Refusal, match="wrong"):
            await speaking

    run(main())


def test_nothing_to_say_is_a_reply_without_audio() -> None:
    async def main() -> Scene:
        scene = Scene()
        await scene.speak(" 🙂 ")
        return scene

    scene = run(main())
    assert scene.samples() == 0
    assert scene.kinds()[-1] == "done"


def test_the_deadline_is_a_piece_of_another_reply_before_the_listener_runs_dry() -> None:
    async def main() -> list[float]:
        scene = Scene(pace=pb.REALTIME)
        scene.reply.played(0)
        speaking = asyncio.ensure_future(scene.speak("word " * 10))
        await asyncio.sleep(10)
        speaking.cancel()
        return scene.deadlines

    deadlines = run(main())
    assert deadlines[:2] == pytest.approx([0.0, 0.1])
    assert deadlines[2:] == pytest.approx([0.0, *np.arange(0.0, 0.9, 0.1), 0.9, 0.9][: len(deadlines) - 2], abs=0.11)
