"""The end of a turn: which judge the settings ask for."""

from __future__ import annotations

from typing import Any

from livekit.agents.inference import TurnDetector as LiveKitDetector
from livekit.local_inference import init_eot

from voicechat.conversation.smart_turn import JudgeThread, SmartTurnModel, StreamingDetector
from voicechat.models.store import ModelStore
from voicechat.settings import EndOfTurn, Settings

SMART_TURN = "smart-turn-v3.2"

Detector = Any
"""A streaming turn detector of the engine. Its protocol is told by shape and has no public name."""


def load_detector(settings: Settings) -> Detector | None:
    """The judge of whether a person has finished; None where silence alone decides.

    Blocks while the model loads: call it off the event loop. Raises `ModelError` where files are missing; the text
    names the command that fetches them.
    """
    match settings.conversation.end_of_turn:
        case EndOfTurn.VAD:
            return None
        case EndOfTurn.SMART_TURN:
            file = ModelStore(settings.models.directory).main_file(SMART_TURN)
            return StreamingDetector(JudgeThread(SmartTurnModel(file)), SMART_TURN)
        case EndOfTurn.LIVEKIT:
            init_eot()
            # Said explicitly: elsewhere the default is a detector in a cloud.
            return LiveKitDetector(version="v1-mini")
