from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from voicechat.access.fake import FakeKeys, fake_access
from voicechat.api.app import create_app
from voicechat.api.lifecycle import Lifecycle
from voicechat.api.loading import DeferredEars
from voicechat.api.services import Services
from voicechat.asr.fake import ScriptedEars
from voicechat.conversation.fake_conversation import FakeFactory
from voicechat.fleet.fake import FakeFleet
from voicechat.settings import Settings

LOCAL = "http://127.0.0.1:8080"


@pytest.fixture
def fleet() -> FakeFleet:
    return FakeFleet()


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate({"server": {"max_body_bytes": 2048, "max_text_chars": 200}})


@pytest.fixture
def ears() -> ScriptedEars:
    return ScriptedEars()


@pytest.fixture
def services(settings: Settings, fleet: FakeFleet, ears: ScriptedEars) -> Iterator[Services]:
    deferred = DeferredEars()
    deferred.provide(ears)
    with ThreadPoolExecutor(1) as executor:
        yield Services(
            settings=settings,
            fleet=fleet,
            conversations=FakeFactory(),
            access=asyncio.run(fake_access(FakeKeys(), keys_required=False))[0],
            lifecycle=Lifecycle(),
            ears=deferred,
            executor=executor,
            decoders=executor,
            started_at=100.0,
        )


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page"


@pytest.fixture
def client(services: Services, page: Path) -> Iterator[TestClient]:
    with TestClient(create_app(services, page), base_url=LOCAL, raise_server_exceptions=False) as made:
        yield made
