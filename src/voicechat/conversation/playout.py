"""The one playout of a conversation: paced, pausable, duckable, and exact about its position.

A 20 ms clock on absolute deadlines sends what a client is to hear, a lead ahead of real time. After a stall it goes on
from where it is: at most two frames a tick, whatever was missed. A model of the client, which plays what it was sent in
real time and waits when it runs dry, gives the heard position; reports of a real client overrule it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from livekit import rtc
from livekit.agents.voice import io

from voicechat.audio.pcm import Pcm16, ms_to_samples, samples_to_ms
from voicechat.conversation.canceller import EchoCanceller
from voicechat.conversation.clock import Clock
from voicechat.conversation.gain import GainRamp, db_to_linear
from voicechat.conversation.lead import AdaptiveLead

RATE_HZ = 24_000
"""Sample rate of everything that is played."""
TICK_S = 0.02
FRAME_SAMPLES = 480
RAMP_SAMPLES = 240
"""10 ms, in which the gain moves: too slow for a click, too fast for a word."""
FRAMES_PER_TICK = 2
"""What a tick sends at most: one to keep up, one to build the lead."""
BUFFER_S = 3.0
"""Audio held before `capture_frame` waits; more than a voice sends ahead, so that it never waits for a full buffer."""
PROGRESS_TICKS = 5
"""Ticks between two reports of the position to the voice."""
REPORT_INTERVAL_S = 0.1
"""A client reports this often, so a position is never extrapolated further."""


class Track(Protocol):
    """What is being played, as the playout meets it."""

    def heard_text(self, position_ms: float) -> str:
        """The words that were heard when the track stood at `position_ms`."""

    def played(self, samples: int) -> None:
        """The listener has come this far."""

    def hold(self, held: bool) -> None:
        """Playout was paused, or goes on."""


class Sink(Protocol):
    """Where the playout's decisions go. Called on the event loop; must not block."""

    def audio(self, track: Track, pcm: Pcm16, offset_samples: int) -> None:
        """Send these samples, at most 20 ms, gain applied."""

    def cleared(self, track: Track, heard_ms: float) -> None:
        """What was sent of the track and is not yet played is void."""

    def tick(self, late_s: float) -> None:
        """A tick came `late_s` after its deadline."""

    def underrun(self, track: Track) -> None:
        """The listener ran dry before the track's end."""

    def ducked(self, after_s: float) -> None:
        """The first quieter samples were sent so long after it was decided."""

    def silenced(self, after_s: float) -> None:
        """The last audible samples were sent so long after it was decided."""


@dataclass(slots=True)
class _Segment:
    """One track's audio between its first frame and its end, in samples."""

    track: Track
    frames: deque[Pcm16] = field(default_factory=deque)
    buffered: int = 0
    sent: int = 0
    modelled: int = 0
    reported: int | None = None
    reported_at: float = 0.0
    flushed: bool = False
    dry: bool = False


class Playout(io.AudioOutput):
    """Audio output of an `AgentSession`; `run` must be running for anything to be played."""

    def __init__(
        self,
        sink: Sink,
        current_track: Callable[[], Track],
        clock: Clock,
        lead: AdaptiveLead,
        *,
        duck_db: float,
        duck_deep_db: float,
        canceller: EchoCanceller | None = None,
    ) -> None:
        super().__init__(label="voicechat", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=RATE_HZ)
        self._sink = sink
        self._current_track = current_track
        self._clock = clock
        self._lead = lead
        self._canceller = canceller
        self._levels = (1.0, db_to_linear(-duck_db), db_to_linear(-duck_deep_db))
        self._gain = GainRamp(RAMP_SAMPLES)
        self._level = 0
        self._duck_decided_at: float | None = None
        self._stop_decided_at: float | None = None
        self._segment: _Segment | None = None
        self._paused = False
        self._wake = asyncio.Event()
        self._space = asyncio.Event()
        self._ticks = 0
        self._ticked_at = 0.0

    # --- what the engine calls

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take audio to play; waits while `BUFFER_S` is held, and for the end of a segment that is complete."""
        # Before the segment is counted: a wait that is cancelled must not owe an end.
        while self._segment is not None and self._segment.flushed:
            self._space.clear()
            await self._space.wait()
        await super().capture_frame(frame)
        segment = self._segment or self._begin()
        pcm = np.frombuffer(frame.data, dtype=np.int16)
        segment.frames.append(pcm)
        segment.buffered += pcm.size
        self._wake.set()
        while segment is self._segment and segment.buffered > BUFFER_S * RATE_HZ:
            self._space.clear()
            await self._space.wait()

    def flush(self) -> None:
        """No more audio comes for this segment."""
        super().flush()
        if self._segment is not None:
            self._segment.flushed = True

    def clear_buffer(self) -> None:
        """Stop at once; the segment ends with what was heard, and what comes next is another."""
        super().flush()
        segment = self._segment
        if segment is None:
            return
        heard_ms = self._heard_ms(segment)
        if segment.sent:
            self._sink.cleared(segment.track, heard_ms)
        if self._canceller is not None:
            self._canceller.falls_silent()
        self._end(segment, heard_ms, interrupted=True)

    def pause(self) -> None:
        """Send a last frame that fades out, and nothing more; the place is kept."""
        if self._paused:
            return
        self._paused = True
        if self._segment is not None:
            if self._segment.sent:
                self._fade_out(self._segment)
            self._segment.track.hold(True)
        if self._stop_decided_at is not None:
            self._sink.silenced(self._clock.now() - self._stop_decided_at)
        self._forget_decisions()

    def resume(self) -> None:
        """Go on from the place where it was paused."""
        if not self._paused:
            return
        self._paused = False
        self._gain.aim(self._levels[self._level])
        if self._segment is not None:
            self._segment.track.hold(False)
        self._wake.set()

    # --- what the turn policy calls

    @property
    def paused(self) -> bool:
        """Whether playout waits."""
        return self._paused

    @property
    def audible(self) -> Track | None:
        """The track of which something was sent and which has not ended."""
        return self._segment.track if self._segment is not None and self._segment.sent else None

    def slack_s(self) -> float | None:
        """Audio ahead of the listener; None while no more is needed."""
        segment = self._segment
        if segment is None or segment.flushed or self._paused:
            return None
        return (segment.buffered + segment.sent - self._modelled(segment)) / RATE_HZ

    def duck(self, depth: int) -> None:
        """0: full level; 1: the onset of speech over the reply; 2: speech that lasts."""
        if depth == 0:
            self._forget_decisions()
        elif self._level == 0 and self.audible is not None and not self._paused:
            self._duck_decided_at = self._clock.now()
        self._level = depth
        if not self._paused:
            self._gain.aim(self._levels[depth])

    def speech_lasts(self) -> None:
        """Voice activity says that the reply is spoken over: it is to be silenced."""
        if self._stop_decided_at is None and self.audible is not None and not self._paused:
            self._stop_decided_at = self._clock.now()

    def report(self, track: Track, position_ms: float) -> None:
        """The client says what it has played of a track."""
        segment = self._segment
        if segment is None or segment.track is not track:
            return
        samples = max(0, min(segment.sent, ms_to_samples(position_ms, RATE_HZ)))
        segment.reported, segment.reported_at = samples, self._clock.now()
        if not self._paused and not segment.dry:
            self._lead.report(samples_to_ms(max(0, self._modelled(segment) - samples), RATE_HZ))

    def position_ms(self, track: Track) -> float | None:
        """What was heard of a track that is being played."""
        segment = self._segment
        return self._heard_ms(segment) if segment is not None and segment.track is track else None

    # --- the clock

    async def run(self) -> None:
        """Play until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            deadline = self._clock.now()
            while self._segment is not None:
                now = self._clock.now()
                late_s = now - deadline
                missed = int(late_s / TICK_S)
                deadline += missed * TICK_S
                self.tick(now, 1 + missed)
                self._sink.tick(late_s)
                deadline += TICK_S
                await self._clock.sleep_until(deadline)

    def tick(self, now: float, periods: int = 1) -> None:
        """One turn of the clock, `periods` of 20 ms after the one before."""
        segment = self._segment
        if segment is None:
            return
        if segment.sent:
            segment.modelled = min(segment.sent, segment.modelled + periods * FRAME_SAMPLES)
        self._ticked_at = now
        self._ticks += 1
        if self._paused:
            return
        self._send_due(segment)
        if self._ticks % PROGRESS_TICKS == 0:
            segment.track.played(segment.modelled)
        if segment.flushed and not segment.buffered and segment.modelled >= segment.sent:
            self._end(segment, samples_to_ms(segment.sent, RATE_HZ), interrupted=False)

    def _send_due(self, segment: _Segment) -> None:
        lead = ms_to_samples(self._lead.ms, RATE_HZ)
        for _ in range(FRAMES_PER_TICK):
            if segment.sent - segment.modelled >= lead:
                return
            if not self._ready(segment):
                self._note_underrun(segment)
                return
            self._send(segment)

    def _send(self, segment: _Segment) -> None:
        pcm = self._gain.apply(self._take(segment, FRAME_SAMPLES))
        first = segment.sent == 0
        offset, segment.sent = segment.sent, segment.sent + pcm.size
        segment.dry = False
        self._sink.audio(segment.track, pcm, offset)
        if self._duck_decided_at is not None:
            self._sink.ducked(self._clock.now() - self._duck_decided_at)
            self._duck_decided_at = None
        if self._canceller is not None:
            self._canceller.plays(pcm, RATE_HZ)
        self._space.set()
        if first:
            self.on_playback_started(created_at=self._clock.wall())

    def _fade_out(self, segment: _Segment) -> None:
        if self._ready(segment):
            self._gain.aim(0.0)
            self._send(segment)
        self._gain.jump(0.0)

    def _note_underrun(self, segment: _Segment) -> None:
        if segment.sent and not segment.flushed and segment.modelled >= segment.sent and not segment.dry:
            segment.dry = True
            self._sink.underrun(segment.track)

    def _ready(self, segment: _Segment) -> bool:
        return segment.buffered >= FRAME_SAMPLES or (segment.flushed and segment.buffered > 0)

    def _take(self, segment: _Segment, samples: int) -> Pcm16:
        parts: list[Pcm16] = []
        wanted = min(samples, segment.buffered)
        segment.buffered -= wanted
        while wanted:
            part = segment.frames.popleft()
            if part.size > wanted:
                segment.frames.appendleft(part[wanted:])
                part = part[:wanted]
            parts.append(part)
            wanted -= part.size
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    # --- segments and positions

    def _begin(self) -> _Segment:
        self._segment = _Segment(self._current_track())
        if not self._paused:
            self._gain.jump(self._levels[self._level])
        return self._segment

    def _end(self, segment: _Segment, heard_ms: float, *, interrupted: bool) -> None:
        self._segment = None
        self._forget_decisions()
        self._space.set()
        self._lead.reply_ended()
        self.on_playback_finished(
            playback_position=heard_ms / 1000,
            interrupted=interrupted,
            synchronized_transcript=segment.track.heard_text(heard_ms) if interrupted else None,
        )

    def _forget_decisions(self) -> None:
        self._duck_decided_at = self._stop_decided_at = None

    def _heard_ms(self, segment: _Segment) -> float:
        if segment.reported is None:
            return samples_to_ms(self._modelled(segment), RATE_HZ)
        since_s = min(REPORT_INTERVAL_S, self._clock.now() - segment.reported_at)
        return samples_to_ms(min(segment.sent, segment.reported + round(since_s * RATE_HZ)), RATE_HZ)

    def _modelled(self, segment: _Segment) -> int:
        """The model's position between two ticks."""
        since_s = max(0.0, self._clock.now() - self._ticked_at)
        return min(segment.sent, segment.modelled + round(since_s * RATE_HZ))
