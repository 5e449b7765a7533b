"""Voice activity: one model for the process, a light stream for each conversation, and its decisions seen first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from livekit.agents import vad
from livekit.plugins import silero

from voicechat.conversation.onset import WINDOW_S, Onset
from voicechat.conversation.port import TurnDetection
from voicechat.settings import ConversationSettings

MIN_SPEECH_S = 0.05
PAUSE_S = 0.25
"""Silence that closes an utterance for the ears; the turn itself ends later, so recognition overlaps the wait."""
MAX_BUFFERED_S = 30.0
"""The model's own copy of the speech, which nothing here reads."""
REMEMBERED_WINDOWS = 32
"""A second, whose promptest window tells how late the others are."""

VadListener = Callable[[vad.VADEvent, bool], None]
"""Told of every event, and whether somebody may be speaking though voice activity is not sure of it."""
MakeVad = Callable[[TurnDetection], vad.VAD]


def load_vad(settings: ConversationSettings) -> MakeVad:
    """Load Silero once; each call of the result is a voice activity detector with options of its own.

    Blocks for some 100 ms: call it in a thread where an event loop runs.
    """
    shared = silero.VAD.load(
        min_speech_duration=MIN_SPEECH_S,
        min_silence_duration=PAUSE_S,
        prefix_padding_duration=settings.vad_prefix_padding_ms / 1000,
        activation_threshold=settings.vad_threshold,
        max_buffered_speech=MAX_BUFFERED_S,
        sample_rate=16000,
    )
    assert isinstance(shared, silero.VAD)
    session = shared._onnx_session  # the loaded model; options are an object of each detector

    def make(turn: TurnDetection) -> vad.VAD:
        options = silero.vad._VADOptions(
            min_speech_duration=MIN_SPEECH_S,
            min_silence_duration=pause_s(turn),
            prefix_padding_duration=turn.prefix_padding_ms / 1000,
            max_buffered_speech=MAX_BUFFERED_S,
            activation_threshold=turn.threshold,
            deactivation_threshold=max(turn.threshold - 0.15, 0.01),
            sample_rate=16000,
        )
        return silero.VAD(session=session, opts=options)

    return make


def pause_s(turn: TurnDetection) -> float:
    """Silence after which an utterance is given to the ears."""
    return min(PAUSE_S, turn.silence_duration_ms / 1000)


def update_vad(detector: vad.VAD, turn: TurnDetection) -> None:
    """Give a running detector other options."""
    if isinstance(detector, silero.VAD):
        detector.update_options(
            activation_threshold=turn.threshold,
            deactivation_threshold=max(turn.threshold - 0.15, 0.01),
            prefix_padding_duration=turn.prefix_padding_ms / 1000,
            min_silence_duration=pause_s(turn),
        )


class WatchedVad(vad.VAD):
    """A detector whose events reach `listener` before they reach the engine, speech counted from its true onset.

    Where speech becomes `notable_s` long between two windows, the engine is told then and not at the next window.
    `on_notable` is called with every event that tells the engine of speech as long.
    """

    def __init__(
        self,
        inner: vad.VAD,
        listener: VadListener,
        notable_s: Callable[[], float],
        on_notable: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(capabilities=inner.capabilities)
        self.inner = inner
        self._listener = listener
        self._notable_s = notable_s
        self._on_notable = on_notable

    @property
    def min_silence_duration(self) -> float | None:
        """Silence that ends speech, s."""
        return getattr(self.inner, "min_silence_duration", None)

    def stream(self) -> vad.VADStream:
        """A stream of the inner detector, watched."""
        return _WatchedStream(self, self.inner.stream(), self._listener, self._notable_s, self._on_notable)


class _WatchedStream(vad.VADStream):
    def __init__(
        self,
        owner: vad.VAD,
        inner: vad.VADStream,
        listener: VadListener,
        notable_s: Callable[[], float],
        on_notable: Callable[[], None],
    ) -> None:
        self._inner = inner
        self._listener = listener
        self._notable_s = notable_s
        self._on_notable = on_notable
        self._onset = Onset()
        self._ages_s: deque[float] = deque(maxlen=REMEMBERED_WINDOWS)
        self._timer: asyncio.TimerHandle | None = None
        super().__init__(owner)

    async def _main_task(self) -> None:
        feeder = asyncio.create_task(self._feed(), name="audio to voice activity")
        try:
            async for event in self._inner:
                self._tell(self._onset.take(event))
        finally:
            if self._timer is not None:
                self._timer.cancel()
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)
            await self._inner.aclose()

    def _tell(self, event: vad.VADEvent) -> None:
        self._listener(event, self._onset.possible)
        self._pass_on(event)
        late_s = self._late_s(event)
        if event.speaking and self._onset.sounding:
            self._tell_when_notable(event, late_s)

    def _late_s(self, event: vad.VADEvent) -> float:
        """Windows end inside the frames that bring them: by how much later than the promptest this one came."""
        age_s = asyncio.get_running_loop().time() - event.timestamp
        self._ages_s.append(age_s)
        return age_s - min(self._ages_s)

    def _tell_when_notable(self, event: vad.VADEvent, late_s: float) -> None:
        """The engine looks at the length of speech when a window was judged, and not at its beginning."""
        due_s = self._notable_s() - event.speech_duration
        begins = event.type is vad.VADEventType.START_OF_SPEECH
        if due_s <= WINDOW_S and (due_s > 0 or begins):
            length_s = event.speech_duration + max(0.0, due_s)
            notable = replace(event, type=vad.VADEventType.INFERENCE_DONE, speech_duration=length_s)
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, due_s - late_s), self._pass_on, notable)

    def _pass_on(self, event: vad.VADEvent) -> None:
        if event.type is vad.VADEventType.INFERENCE_DONE and event.speech_duration >= self._notable_s():
            self._on_notable()
        self._event_ch.send_nowait(event)

    async def _feed(self) -> None:
        async for item in self._input_ch:
            if isinstance(item, self._FlushSentinel):
                self._inner.flush()
            else:
                self._inner.push_frame(item)
        self._inner.end_input()
