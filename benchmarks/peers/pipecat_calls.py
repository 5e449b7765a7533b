"""A pipecat pipeline of its in-tree local services, called over a WebSocket: `pipecat_calls.py --port N ...`.

Binary messages are sound, int16 mono: 16 kHz in, 24 kHz out. Text messages are JSON signals. Each connection is a
pipeline of its own, as pipecat's FastAPI transport has it.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseStartFrame,
    OutputAudioRawFrame,
    OutputTransportMessageUrgentFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.piper.tts import PiperTTSService
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

IN_HZ, OUT_HZ = 16_000, 24_000
SETTINGS = {
    "vad_start_s": 0.1,
    "vad_stop_s": 0.2,
    "stt_wait_s": 0.2,
    "whisper_compute_type": "int8",
    "temperature": 0.6,
}
"""Pipecat's defaults are 0.2, 0.2, 1.0, default and none: what differs makes it quicker or like ours."""

SIGNALS: dict[type[Frame], str] = {
    UserStartedSpeakingFrame: "speech_started",
    UserStoppedSpeakingFrame: "turn_taken",
    LLMFullResponseStartFrame: "reply_began",
    BotStoppedSpeakingFrame: "reply_over",
}


class Wire(FrameSerializer):
    """Sound as it is, signals as JSON."""

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """Frames that the caller hears or is told of."""
        match frame:
            case OutputAudioRawFrame():
                return frame.audio
            case InterruptionFrame():
                return json.dumps({"type": "clear"})
            case OutputTransportMessageUrgentFrame():
                return json.dumps(frame.message)
        return None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """The caller's sound, or the caller has heard enough."""
        if isinstance(data, bytes):
            return InputAudioRawFrame(audio=data, sample_rate=IN_HZ, num_channels=1)
        return InterruptionFrame()


class Signals(FrameProcessor):
    """Tells the caller of frames that pass."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass it on, with a message beside it."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            await self._tell({"type": "transcript", "text": frame.text})
        elif name := SIGNALS.get(type(frame)):
            await self._tell({"type": name})
        await self.push_frame(frame, direction)

    async def _tell(self, message: dict[str, Any]) -> None:
        await self.push_frame(OutputTransportMessageUrgentFrame(message=message), FrameDirection.DOWNSTREAM)


def pipeline(transport: FastAPIWebsocketTransport, given: argparse.Namespace, websocket: WebSocket) -> PipelineWorker:
    """One call's pipeline."""
    wish = websocket.query_params
    limits = {"max_tokens": int(wish["max_tokens"])} if "max_tokens" in wish else {"max_tokens": given.max_tokens}
    stt = WhisperSTTService(
        device="cpu",
        compute_type=SETTINGS["whisper_compute_type"],
        ttfs_p99_latency=SETTINGS["stt_wait_s"],
        settings=WhisperSTTService.Settings(model=given.whisper, language=None),
    )
    llm = OpenAILLMService(
        api_key=os.environ.get("PEER_API_KEY", "none"),
        base_url=given.mind_url,
        settings=OpenAILLMService.Settings(model=given.mind, temperature=SETTINGS["temperature"], **limits),
    )
    voice = Path(given.voice)
    tts = PiperTTSService(download_dir=voice.parent, settings=PiperTTSService.Settings(voice=voice.stem))
    context = LLMContext([{"role": "system", "content": wish.get("instructions", given.instructions)}])
    stop = TurnAnalyzerUserTurnStopStrategy(turn_analyzer=LocalSmartTurnAnalyzerV3())
    vad = SileroVADAnalyzer(params=VADParams(start_secs=SETTINGS["vad_start_s"], stop_secs=SETTINGS["vad_stop_s"]))
    pair = LLMContextAggregatorPair(
        context,
        user_params=LLMUserAggregatorParams(user_turn_strategies=UserTurnStrategies(stop=[stop]), vad_analyzer=vad),
    )
    heard, said = Signals(), Signals()
    steps = [transport.input(), stt, heard, pair.user(), llm, tts, said, transport.output(), pair.assistant()]
    params = PipelineParams(audio_in_sample_rate=IN_HZ, audio_out_sample_rate=OUT_HZ)
    return PipelineWorker(Pipeline(steps), params=params, enable_rtvi=False, idle_timeout_secs=None)


def application(given: argparse.Namespace) -> FastAPI:
    """Answers calls at /call."""
    app = FastAPI()

    @app.websocket("/call")
    async def call(websocket: WebSocket) -> None:
        await websocket.accept()
        params = FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=Wire())
        transport = FastAPIWebsocketTransport(websocket, params)
        worker = pipeline(transport, given, websocket)

        @worker.event_handler("on_pipeline_started")
        async def started(_: object, __: object) -> None:
            await websocket.send_text(json.dumps({"type": "ready"}))

        @transport.event_handler("on_client_disconnected")
        async def gone(_: object, __: object) -> None:
            await worker.cancel()

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    return app


def main() -> None:
    options = argparse.ArgumentParser()
    for name in ("--mind-url", "--mind", "--whisper", "--voice", "--instructions"):
        options.add_argument(name, required=True)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--max-tokens", type=int, required=True)
    uvicorn.run(
        application(options.parse_args()), host="127.0.0.1", port=options.parse_args().port, log_level="warning"
    )


if __name__ == "__main__":
    main()
