from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter

from voicechat.conversation.fake_conversation import DEFAULT_CONFIG, FakeConversation
from voicechat.fleet.fake import FakeFleet
from voicechat.transports.realtime.inbound import Inbound
from voicechat.transports.realtime.meter import InputMeter
from voicechat.transports.realtime.outbound import Outbound
from voicechat.transports.realtime.protocol import encode
from voicechat.transports.realtime.session import Session
from voicechat.transports.realtime.session_config import SessionConfig
from voicechat.transports.realtime.voices import VoiceDirectory
from voicechat.transports.realtime.wire import parse_frame

SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


class Bench:
    """A session with both directions, a fake conversation, and everything that was sent, as the client parses it."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.now_s = 0.0
        self.conversation = FakeConversation()
        self.sent: list[dict[str, Any]] = []
        self.session = Session(
            id="sess_1",
            conversation=self.conversation,
            config=SessionConfig(DEFAULT_CONFIG),
            voices=VoiceDirectory(FakeFleet(), DEFAULT_CONFIG.voice, {"anna": "piper-de"}),
            meter=InputMeter(lambda: self.now_s),
            send=self._send,
        )
        self.inbound = Inbound(self.session, executor)
        self.outbound = Outbound(self.session, extensions=True)

    def obey(self, event_type: str, **fields: Any) -> list[dict[str, Any]]:
        """What the client is sent in answer to one event."""
        before = len(self.sent)
        asyncio.run(self.inbound.obey({"type": event_type, **fields}))
        return self.sent[before:]

    def tell(self, *events: Any) -> list[dict[str, Any]]:
        """What the client is sent when these happen."""
        before = len(self.sent)
        for event in events:
            self.outbound.tell(event)
        return self.sent[before:]

    def _send(self, event: BaseModel) -> None:
        frame = encode(event)
        wire = parse_frame(frame)
        if not wire["type"].startswith("voicechat."):
            SERVER_EVENT.validate_json(frame)
        self.sent.append(wire)


@pytest.fixture(scope="session")
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def bench(executor: ThreadPoolExecutor) -> Bench:
    return Bench(executor)
