"""One reply: text comes in, segments are synthesized in their turn, messages go out as pacing allows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol, TypeVar

import numpy as np

from voicechat.audio.pcm import Pcm16, Pcm32f, ms_to_samples, samples_to_ms
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.tts.chain import OutputChain
from voicechat.tts.engine import Part, SegmentPlan, Voice, never
from voicechat.tts.options import ReplyOptions
from voicechat.tts.pacing import MAX_LEAD_S, PlayedClock
from voicechat.tts.refusal import Refusal, invalid
from voicechat.tts.scheduler import Pace
from voicechat.tts.segment import Segmenter, TextSegment

Send = Callable[[pb.SynthesizeResponse], Awaitable[None]]
_T = TypeVar("_T")

_MESSAGE_S = (0.04, 0.2)
"""Audio in a message: little while the listener has little, more when that cannot matter. A message costs as much
computing as 7 ms of speech."""
_PLENTY_S = 0.5
"""What a listener has in hand to be sent the larger messages."""
_FIRST_AUDIO_S = 0.1
"""A reply that has not begun wants to within this: it goes before those who have more audio in hand, not before all."""
_LONGEST_PIECE_S = 0.1
"""How much earlier than its listener runs dry a piece is due: one of another reply may just have begun, or be next."""
_PLAN_AHEAD_S = 0.1
"""How much earlier than audio a segment's plan is due, which gives none itself."""
_NOTHING: Pcm16 = np.zeros(0, np.int16)
_SCAN_CHARS = 500
"""Text that is segmented without letting the event loop go on."""


class Submit(Protocol):
    """Runs work on a worker thread in its turn; `Scheduler.submit`."""

    def __call__(self, run: Callable[[], _T], pace: Pace, deadline_s: float) -> asyncio.Future[_T]:
        """Cancelling what is returned gives the work up."""


class _Stopped(Exception):
    """The reply was stopped."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What one turn gave: a plan, audio, or neither; `ended` when the segment has no more."""

    plan: SegmentPlan | None
    pcm: Pcm16
    ended: bool = False
    took_s: float = 0.0


class Reply:
    """Speaks one reply. The control methods are called as requests arrive, while `speak` runs.

    Args:
        voice: Speaks.
        gain_db: Of that voice.
        options: As asked for.
        submit: The scheduler's.
        send: Puts a response on the wire; waits while the client does not read.
        max_text_chars: Bound of the text.
        clock: Seconds, monotonic, the event loop's own.
        on_first_audio: Told the seconds from the first complete segment to its first audio.
        on_work: Told the seconds of work of each turn and the seconds of audio it gave.
        alone: Whether no other reply is being spoken, and one that comes next would not take its thread.
    """

    def __init__(
        self,
        voice: Voice,
        gain_db: float,
        options: ReplyOptions,
        submit: Submit,
        send: Send,
        max_text_chars: int,
        clock: Callable[[], float],
        on_first_audio: Callable[[float], None] = lambda _took_s: None,
        on_work: Callable[[float, float], None] = lambda _took_s, _audio_s: None,
        alone: Callable[[], bool] = never,
    ) -> None:
        self._voice = voice
        self._options = options
        self._submit = submit
        self._send = send
        self._max_text_chars = max_text_chars
        self._clock = clock
        self._on_first_audio = on_first_audio
        self._on_work = on_work
        self._alone = alone if options.pace is Pace.REALTIME else never
        self._voice_hz = voice.traits.sample_rate_hz
        self._chain = OutputChain(gain_db, self._voice_hz, options.sample_rate_hz)
        self._played = PlayedClock(clock, options.skip_ms / 1000)
        self._segmenter = Segmenter(language=voice.traits.language, first_index=options.first_segment)
        self._segments: deque[TextSegment] = deque()
        self._chars = 0
        self._changed = asyncio.Event()
        self._ended = False
        self._paused = False
        self._stopped = False
        self._failure: Refusal | None = None
        self._first_segment_at: float | None = None
        self._made_samples = 0
        self._sent_samples = 0
        self._synthesis_s = 0.0
        self._owes_silence = False

    # --- what the client asks

    async def push_text(self, text: str) -> None:
        """Take more text. Raises `Refusal` past the bound, or after `end`."""
        if self._ended:
            raise invalid("text came after end; open another stream for more text")
        self._chars += len(text)
        if self._chars > self._max_text_chars:
            raise invalid(
                f"the text of this reply has {self._chars} characters; at most {self._max_text_chars} are taken "
                "(worker.max_text_chars), so split it over several replies"
            )
        for start in range(0, len(text), _SCAN_CHARS):
            self._take(self._segmenter.push(text[start : start + _SCAN_CHARS]))
            await asyncio.sleep(0)

    def flush(self) -> None:
        """Speak what is there."""
        self._take(self._segmenter.flush())

    def end(self) -> None:
        """No more text comes."""
        if not self._ended:
            self._take(self._segmenter.flush())
            self._ended = True
            self._changed.set()

    def half_closed(self) -> None:
        """Nothing comes any more, control included."""
        self.end()
        self._played.detach()
        self.resume()

    def played(self, samples: int) -> None:
        """The client has heard this much of the reply."""
        self._played.report(samples / self._options.sample_rate_hz)
        self._changed.set()

    def pause(self) -> None:
        """Send nothing more for now."""
        self._paused = True
        self._played.pause()

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        self._paused = False
        self._played.resume()
        self._changed.set()

    def stop(self) -> None:
        """End the reply here."""
        self._stopped = True
        self._changed.set()

    def fail(self, refusal: Refusal) -> None:
        """A request was wrong: `speak` raises it."""
        self._failure = refusal
        self._changed.set()

    # --- what it makes of it

    @property
    def audio_ms(self) -> float:
        """Length of the reply so far."""
        return samples_to_ms(self._sent_samples, self._options.sample_rate_hz)

    @property
    def synthesis_s(self) -> float:
        """Time worker threads have spent on it."""
        return self._synthesis_s

    async def speak(self) -> None:
        """Speak until the text ends, or until `stop`. Raises `Refusal` as given to `fail`."""
        with suppress(_Stopped):
            await self._speak_all()
        await self._send(pb.SynthesizeResponse(done=self._done()))

    def _done(self) -> pb.Done:
        return pb.Done(audio_ms=self.audio_ms, synthesis_ms=self._synthesis_s * 1000, stopped=self._stopped)

    async def _speak_all(self) -> None:
        while True:
            await self._until(lambda: bool(self._segments) or self._ended)
            if not self._segments:
                break
            await self._speak_segment(self._segments.popleft())
        made = await self._in_turn(lambda: _Made(None, self._chain.finish()), self._due_s())
        await self._send_audio(made.pcm)

    async def _speak_segment(self, segment: TextSegment) -> None:
        await self._emit(
            pb.SynthesizeResponse(
                segment=pb.Segment(
                    index=segment.index,
                    text=segment.text,
                    char_start=segment.start,
                    char_end=segment.end,
                    ends_sentence=segment.ends_sentence,
                )
            )
        )
        parts = self._voice.speak(segment.text, self._options.prosody, self._in_hurry)
        made = await self._next_part(parts, self._due_s() - _PLAN_AHEAD_S)
        while not made.ended:
            if made.plan is not None and made.plan.words:
                await self._send_words(segment, made.plan)
            await self._send_audio(made.pcm)
            made = await self._next_part(parts, self._due_s())
        self._owes_silence = self._owes_silence or segment.ends_sentence
        await self._emit(pb.SynthesizeResponse(segment_done=pb.SegmentDone(index=segment.index)))

    async def _next_part(self, parts: Iterator[Part], due_s: float) -> _Made:
        """The next part of a segment, once the listener is near enough to need it."""
        await self._until_lead_below(MAX_LEAD_S)
        return await self._in_turn(lambda: self._step(parts), due_s)

    def _step(self, parts: Iterator[Part]) -> _Made:
        """On a worker thread: one part, processed; the filters may hold all of it back."""
        match next(parts, None):
            case None:
                return _Made(None, _NOTHING, ended=True)
            case SegmentPlan() as plan:
                return _Made(plan, self._silence(plan))
            case audio:
                return _Made(None, self._push(audio))

    def _in_hurry(self) -> bool:
        """Whether somebody waits for the first audio, and nobody else is spoken to."""
        return self._sent_samples == 0 and self._alone()

    def _silence(self, plan: SegmentPlan) -> Pcm16:
        """The pause before a sentence that follows another."""
        owed = self._owes_silence and bool(plan.words) and self._made_samples > 0
        if not owed:
            return _NOTHING
        self._owes_silence = False
        samples = ms_to_samples(self._options.sentence_silence_ms, self._voice_hz)
        return self._push(np.zeros(samples, np.float32))

    def _push(self, samples: Pcm32f) -> Pcm16:
        self._made_samples += samples.size
        return self._chain.push(samples)

    @staticmethod
    def _timed(run: Callable[[], _Made]) -> _Made:
        began = perf_counter()
        made = run()
        return replace(made, took_s=perf_counter() - began)

    def _due_s(self) -> float:
        """When the next audio is due: before the listener runs dry, or soon where nothing was heard yet."""
        if self._sent_samples == 0:
            return (self._clock() if self._first_segment_at is None else self._first_segment_at) + _FIRST_AUDIO_S
        return self._clock() + self._lead_s - _LONGEST_PIECE_S

    async def _in_turn(self, run: Callable[[], _Made], due_s: float) -> _Made:
        """Run on a worker thread; given up at once when the reply stops."""
        work = self._submit(lambda: self._timed(run), self._options.pace, due_s)
        work.add_done_callback(lambda _: self._changed.set())
        try:
            await self._until(work.done)
        finally:
            work.cancel()
        made = work.result()
        self._synthesis_s += made.took_s
        self._on_work(made.took_s, made.pcm.size / self._options.sample_rate_hz)
        return made

    # --- what goes out

    @property
    def _lead_s(self) -> float:
        return self._sent_samples / self._options.sample_rate_hz - self._played.played_s

    async def _send_words(self, segment: TextSegment, plan: SegmentPlan) -> None:
        begins_s = self._made_samples / self._voice_hz
        words = [
            pb.Word(
                text=segment.text[word.start : word.end],
                char_start=segment.start + word.start,
                char_end=segment.start + word.end,
                start_ms=1000 * (begins_s + word.start_s),
                end_ms=1000 * (begins_s + word.end_s),
            )
            for word in plan.words
        ]
        heard = [word for word in words if word.end_ms > self._options.skip_ms]
        if heard:
            await self._emit(pb.SynthesizeResponse(words=pb.Words(words=heard)))

    async def _send_audio(self, pcm: Pcm16) -> None:
        rate = self._options.sample_rate_hz
        skip = max(0, ms_to_samples(self._options.skip_ms, rate) - self._sent_samples)
        self._sent_samples += min(skip, pcm.size)
        pcm = pcm[skip:]
        while pcm.size:
            piece_s = _MESSAGE_S[self._lead_s >= _PLENTY_S]
            piece, pcm = np.split(pcm, [round(piece_s * rate)])
            await self._until_lead_below(MAX_LEAD_S - piece_s)
            audio = pb.Audio(pcm=piece.astype("<i2").tobytes(), offset_samples=self._sent_samples)
            await self._emit(pb.SynthesizeResponse(audio=audio))
            self._began()
            self._sent_samples += piece.size

    def _began(self) -> None:
        if self._first_segment_at is not None:
            self._on_first_audio(self._clock() - self._first_segment_at)
            self._first_segment_at = None
            self._played.begin()

    async def _emit(self, response: pb.SynthesizeResponse) -> None:
        await self._until(lambda: not self._paused)
        await self._send(response)

    async def _until_lead_below(self, lead_s: float) -> None:
        """BULK has no listener to wait for."""
        if self._options.pace is Pace.BULK:
            return
        while (ahead_s := self._lead_s - lead_s) >= 0:
            await self._change(ahead_s + 0.001 if self._played.moving else None)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for `condition`, looked at on every change."""
        self._check()
        while not condition():
            await self._change()

    async def _change(self, timeout_s: float | None = None) -> None:
        """Wait for anything to happen, `timeout_s` at most."""
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._stopped:
            raise _Stopped

    def _take(self, segments: list[TextSegment]) -> None:
        if segments and self._chars and self._first_segment_at is None and self._sent_samples == 0:
            self._first_segment_at = self._clock()
        self._segments.extend(segments)
        self._changed.set()
