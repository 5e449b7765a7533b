"""Scenes of a conversation, played in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from support.conversation import Caller, Play, Scene, in_virtual_time

from voicechat.asr.fake import ScriptedEars
from voicechat.asr.port import EarsError
from voicechat.conversation.factory import SessionFactory
from voicechat.conversation.fake import Line, LoudnessVad, ScriptedMind
from voicechat.conversation.meter import Meter
from voicechat.conversation.port import ConversationConfig
from voicechat.conversation.session import Session
from voicechat.fleet.fake import FakeFleet
from voicechat.settings import Settings


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Plays a scene in virtual time, and sees to it that nothing is left afterwards."""

    def run(
        scene: Scene,
        *,
        heard: Iterable[str | EarsError] = (),
        says: Iterable[Line | str] = (),
        settings: Settings | None = None,
        fleet: FakeFleet | None = None,
        configure: Callable[[ConversationConfig], ConversationConfig] = replace,
        detector: Any = None,
        ears: type[ScriptedEars] = ScriptedEars,
        meter: Meter | None = None,
    ) -> Caller:
        async def main() -> Caller:
            caller = await call(settings or Settings(), fleet or FakeFleet(), ears(heard), ScriptedMind(says))
            try:
                await asyncio.wait_for(scene(caller), 600)
            finally:
                await caller.session.aclose()
                assert caller.reader is not None
                await caller.reader
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            assert not left, f"tasks are left behind: {left}"
            return caller

        async def call(settings: Settings, fleet: FakeFleet, ears: ScriptedEars, mind: ScriptedMind) -> Caller:
            factory = SessionFactory(
                settings, fleet, ears, lambda **_: mind, LoudnessVad, detector=detector, meter=meter
            )
            session = await factory.open(configure(factory.default_config()))
            assert isinstance(session, Session)
            caller = Caller(session, factory, fleet, ears, mind)
            caller.reader = asyncio.ensure_future(caller.read())
            return caller

        return in_virtual_time(monkeypatch, main())

    return run
