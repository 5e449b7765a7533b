"""A mind that says what it was told to, and voice activity by loudness: for tests without models."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, llm, vad
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from voicechat.audio.pcm import Pcm16, rms_dbfs
from voicechat.conversation.items import new_id
from voicechat.conversation.onset import SMOOTHING, WINDOW_S
from voicechat.conversation.port import TurnDetection

LOUD_DBFS = -40.0


@dataclass(slots=True)
class RecordingMeter:
    """A `Meter` that keeps what it is told, s."""

    ticks: list[float] = field(default_factory=list)
    loops: list[float] = field(default_factory=list)
    ducks: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    dry: int = 0

    def ticked(self, late_s: float) -> None:
        """Keep it."""
        self.ticks.append(late_s)

    def looped(self, late_s: float) -> None:
        """Keep it."""
        self.loops.append(late_s)

    def ran_dry(self) -> None:
        """Count it."""
        self.dry += 1

    def ducked(self, after_s: float) -> None:
        """Keep it."""
        self.ducks.append(after_s)

    def silenced(self, after_s: float) -> None:
        """Keep it."""
        self.stops.append(after_s)


@dataclass(frozen=True, slots=True)
class Line:
    """What the mind does next: write `text` word by word, then ask for `tool` with `arguments`, or fail."""

    text: str = ""
    tool: str | None = None
    arguments: str = "{}"
    fails: bool = False
    word_s: float = 0.01
    first_s: float = 0.1


class ScriptedMind(llm.LLM[Any]):
    """Takes its replies from `script`; at its end it says nothing. `told` keeps every context it was given."""

    def __init__(self, script: Iterable[Line | str] = ()) -> None:
        super().__init__()
        self.script = deque(Line(line) if isinstance(line, str) else line for line in script)
        self.told: list[llm.ChatContext] = []
        self.tools: list[list[llm.Tool]] = []
        self.choices: list[Any] = []
        self.closed = False

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        """The next line."""
        self.told.append(chat_ctx)
        self.tools.append(tools or [])
        self.choices.append(tool_choice)
        line = self.script.popleft() if self.script else Line()
        return _ScriptedStream(self, line, chat_ctx, tools or [], replace(conn_options, max_retry=0))

    async def aclose(self) -> None:
        """Note the end."""
        self.closed = True
        await super().aclose()


class _ScriptedStream(llm.LLMStream):
    def __init__(
        self,
        owner: ScriptedMind,
        line: Line,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
        conn_options: APIConnectOptions,
    ) -> None:
        self._line = line
        super().__init__(owner, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)

    async def _run(self) -> None:
        line = self._line
        await asyncio.sleep(line.first_s)
        if line.fails:
            raise APIConnectionError("the scripted mind is down", retryable=False)
        for index, word in enumerate(line.text.split()):
            self._say(llm.ChoiceDelta(role="assistant", content=f" {word}" if index else word))
            await asyncio.sleep(line.word_s)
        if line.tool is not None:
            call = llm.FunctionToolCall(name=line.tool, arguments=line.arguments, call_id=new_id("call"))
            self._say(llm.ChoiceDelta(role="assistant", tool_calls=[call]))
        words = len(line.text.split())
        usage = llm.CompletionUsage(completion_tokens=words, prompt_tokens=1, total_tokens=words + 1)
        self._event_ch.send_nowait(llm.ChatChunk(id="scripted", usage=usage))

    def _say(self, delta: llm.ChoiceDelta) -> None:
        self._event_ch.send_nowait(llm.ChatChunk(id="scripted", delta=delta))


class LoudnessVad(vad.VAD):
    """Speech is what is louder than -40 dBFS, in windows of 32 ms, without any delay of its own."""

    def __init__(self, turn: TurnDetection) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=WINDOW_S))
        self.min_speech_s = 0.05
        self.min_silence_s = min(0.25, turn.silence_duration_ms / 1000)

    def stream(self) -> vad.VADStream:
        """Another stream."""
        return _LoudnessStream(self)


class _LoudnessStream(vad.VADStream):
    def __init__(self, owner: LoudnessVad) -> None:
        self._owner = owner
        self._speaking = False
        self._speech_s = self._silence_s = self._raw_speech_s = self._raw_silence_s = 0.0
        self._at_s = self._probability = 0.0
        super().__init__(owner)

    async def _main_task(self) -> None:
        waiting = np.zeros(0, np.int16)
        async for item in self._input_ch:
            if not isinstance(item, rtc.AudioFrame):
                continue
            waiting = np.concatenate((waiting, np.frombuffer(item.data, dtype=np.int16)))
            window = round(WINDOW_S * item.sample_rate)
            while waiting.size >= window:
                self._judge(waiting[:window])
                waiting = waiting[window:]

    def _judge(self, pcm: Pcm16) -> None:
        loud = rms_dbfs(pcm) > LOUD_DBFS
        self._at_s += WINDOW_S
        self._probability = SMOOTHING * self._probability + (1 - SMOOTHING) * loud
        if self._speaking:
            self._speech_s += WINDOW_S
        else:
            self._silence_s += WINDOW_S
        self._tell(vad.VADEventType.INFERENCE_DONE)
        self._raw_speech_s = self._raw_speech_s + WINDOW_S if loud else 0.0
        self._raw_silence_s = 0.0 if loud else self._raw_silence_s + WINDOW_S
        if loud and not self._speaking and self._raw_speech_s >= self._owner.min_speech_s:
            self._speaking, self._speech_s, self._silence_s = True, self._raw_speech_s, 0.0
            self._tell(vad.VADEventType.START_OF_SPEECH)
        elif self._speaking and self._raw_silence_s >= self._owner.min_silence_s:
            self._speaking, self._silence_s = False, self._raw_silence_s
            self._tell(vad.VADEventType.END_OF_SPEECH)
            self._speech_s = 0.0

    def _tell(self, kind: vad.VADEventType) -> None:
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=kind,
                samples_index=round(self._at_s * 16_000),
                timestamp=self._at_s,
                speech_duration=self._speech_s,
                silence_duration=self._silence_s,
                probability=self._probability,
                speaking=self._speaking,
                raw_accumulated_speech=self._raw_speech_s,
                raw_accumulated_silence=self._raw_silence_s,
            )
        )
