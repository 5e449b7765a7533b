"""Two orchestrators behind one Caddy, two workers that speak to one listener each, and Redis.

What holds a conversation may be restarted under it, and what one orchestrator admits the other knows of.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import pytest_asyncio
from playwright.sync_api import expect
from support.chromium import chromium, wait_for_stats
from support.holder import holder
from support.speech import silence
from support.stack import VOICECHAT

from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.audio.wav import read_audio, write_wav
from voicechat.bench.chaos import caller
from voicechat.bench.chaos.caller import Calls, call
from voicechat.bench.chaos.front import front
from voicechat.bench.chaos.mind import ANSWER
from voicechat.bench.chaos.parts import Installation, Orchestrator, installation, until_ready
from voicechat.client.errors import RefusedError
from voicechat.client.realtime import open_realtime
from voicechat.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = Settings.model_validate(
    {
        "server": {"drain_s": 15, "shutdown_grace_s": 1},
        "redis": {"heartbeat_s": 0.5},
        "worker": {"capacity": 1},
    }
)
LONG_TEXT = "This is a sentence that somebody reads aloud, and another one follows it. " * 40
ANSWER_S = 60.0
AUDIBLE = 0.01
RATE_HZ = 24_000


@dataclass(frozen=True, slots=True)
class House:
    """The installation, and the one address that callers know of it."""

    made: Installation
    realtime_url: str

    @property
    def page_url(self) -> str:
        return re.sub(r"^ws(://[^/]+).*", r"http\1/", self.realtime_url)

    async def mend(self) -> None:
        """Start again what a test has ended."""
        for worker in self.made.workers:
            if not worker.is_running:
                await worker.start()
        for each in self.made.orchestrators:
            if not each.part.is_running:
                await each.part.start()
        await self.made.until_registered(*(worker.name for worker in self.made.workers))
        for each in self.made.orchestrators:
            await until_ready(each)

    async def restart_the_holder(self) -> None:
        """End the orchestrator that gives an answer, in the middle of it."""
        first = await holder(self.made.orchestrators, answering=True)
        first.part.send(signal.SIGTERM)
        await self.restart(first)

    async def restart(self, ending: Orchestrator) -> None:
        """Start it again once its conversation is held elsewhere and it has ended."""
        await holder(self.made.orchestrators, besides=ending)
        await ending.part.ended()
        assert ending.part.process is not None
        assert ending.part.process.returncode == 0
        await ending.part.start()

    async def spoken(self, text: str) -> Pcm16:
        async with httpx.AsyncClient(base_url=self.page_url, trust_env=False, timeout=60) as client:
            answer = await client.post("/synthesize", json={"text": text})
        return resample(*read_audio(answer.raise_for_status().content), RATE_HZ)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    directory = tmp_path_factory.mktemp("house")
    async with (
        installation(SETTINGS, 2, directory, orchestrators=2) as made,
        front(made.orchestrators, directory) as url,
    ):
        yield House(made, url)


@pytest_asyncio.fixture(loop_scope="module")
async def house(running: House) -> House:
    await running.mend()
    return running


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


async def test_a_conversation_outlives_the_processes_that_hold_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "THINKS_S", (0.1, 0.2))
    calls, over = Calls(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(call(house.realtime_url, over, calls))
        await until(lambda: bool(calls.turns) and calls.turns[0].first_audio_at is not None)
        first = await holder(house.made.orchestrators)
        # A worker ends in the middle of the first answer, or beside it, and the orchestrator at once after it.
        house.made.workers[0].send(signal.SIGTERM)
        first.part.send(signal.SIGTERM)
        await house.restart(first)
        await until(lambda: len(calls.turns) > 1 and calls.turns[1].first_audio_at is not None)
        over.set()

    assert len(calls.turns) > 1
    assert [(turn.status, turn.told, turn.lost) for turn in calls.turns] == [
        ("completed", number, False) for number in range(1, len(calls.turns) + 1)
    ]
    assert len(calls.moves_ms) == 1


async def test_a_call_of_voicechat_talk_goes_on_where_its_session_is_moved(house: House, tmp_path: Path) -> None:
    asked, pause = await house.spoken("Where is my parcel?"), silence(1.5, RATE_HZ)
    write_wav(tmp_path / "twice.wav", np.concatenate([asked, pause, asked]), RATE_HZ)
    talking = await asyncio.create_subprocess_exec(
        *(VOICECHAT, "talk", "--url", house.realtime_url),
        *("--input", str(tmp_path / "twice.wav"), "--turns", "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await house.restart_the_holder()
        told, complaints = await asyncio.wait_for(talking.communicate(), ANSWER_S)
    finally:
        if talking.returncode is None:
            talking.kill()
            await talking.wait()

    assert talking.returncode == 0, (told + complaints).decode()
    report = json.loads(told)
    assert report["errors"] == []
    assert [answer_of(turn["assistant"]) for turn in report["turns"]] == [1, 2]
    assert [turn["interrupted"] for turn in report["turns"]] == [False, False]
    assert min(turn["audio_ms"] for turn in report["turns"]) > 4000


async def test_a_call_of_the_page_goes_on_where_its_session_is_moved(house: House, tmp_path: Path) -> None:
    # The microphone opens before the session does: the question waits for it.
    asked = np.concatenate([silence(2, RATE_HZ), await house.spoken("Where is my parcel?"), silence(1, RATE_HZ)])
    write_wav(tmp_path / "asked.wav", asked, RATE_HZ)
    loop = asyncio.get_running_loop()

    def restart() -> None:
        asyncio.run_coroutine_threadsafe(house.restart_the_holder(), loop).result(2 * ANSWER_S)

    answers = await asyncio.to_thread(two_answers, house.page_url, tmp_path / "asked.wav", restart)
    assert [answer_of(answer) for answer in answers] == [1, 2]


async def test_both_together_take_no_more_conversations_than_the_workers_can_speak_to(house: House) -> None:
    async with AsyncExitStack() as calls:

        async def is_taken(url: str) -> bool:
            client = await calls.enter_async_context(open_realtime(url))
            try:
                await client.greeted()
            except RefusedError as refused:
                assert refused.code == "server_full"
                return False
            return True

        urls = [each.realtime_url for each in house.made.orchestrators for _ in range(3)]
        assert sum(await asyncio.gather(*map(is_taken, urls))) == len(house.made.workers)
    # They have left: whoever comes next is taken, wherever.
    async with open_realtime(house.realtime_url) as client:
        await client.greeted()


async def test_a_key_has_its_limits_over_http_at_both_together(house: House) -> None:
    one, other = house.made.orchestrators
    token = await made_key(one, "--scope", "speak", "--concurrent-requests", "1")

    async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=60) as client:

        async def speak(at: Orchestrator) -> httpx.Response:
            return await client.post(f"{at.url}/v1/audio/speech", json={"input": "Hello."})

        async def is_let_in(at: Orchestrator) -> None:
            async with asyncio.timeout(30):
                while (await speak(at)).status_code != 200:
                    await asyncio.sleep(0.1)

        await is_let_in(one)
        await is_let_in(other)
        async with let_in(client, one, LONG_TEXT):
            refused = await speak(other)
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
            assert int(refused.headers["retry-after"]) >= 1
        await is_let_in(other)


@asynccontextmanager
async def let_in(client: httpx.AsyncClient, orchestrator: Orchestrator, text: str) -> AsyncIterator[httpx.Response]:
    """Speech as it comes. The request before holds its place until a moment after its last byte."""
    async with asyncio.timeout(30):
        while True:
            async with client.stream("POST", f"{orchestrator.url}/v1/audio/speech", json={"input": text}) as answer:
                if answer.status_code == 200:
                    yield answer
                    return
            await asyncio.sleep(0.1)


async def made_key(orchestrator: Orchestrator, *limits: str) -> str:
    making = await asyncio.create_subprocess_exec(
        *(VOICECHAT, "keys", "create", "narrow", *limits),
        env=dict(orchestrator.part.environment),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await making.communicate()
    assert making.returncode == 0
    return told.decode().strip()


def two_answers(url: str, microphone: Path, in_the_first: Callable[[], None]) -> list[str]:
    """The answers that the page shows to a question spoken into it and to one that is typed afterwards."""
    with chromium(recording=microphone) as browser:
        page = browser.new_page()
        page.goto(url)
        page.get_by_role("button", name="Talk").click()
        wait_for_stats(page, f"s.outputLevel > {AUDIBLE}", 1000 * ANSWER_S)
        in_the_first()
        answers = page.locator("[data-role=assistant][data-status=final]")
        expect(answers).to_have_count(1)
        expect(page.get_by_role("status")).to_have_text("Listening")
        page.get_by_label("Message").fill("And now?")
        page.keyboard.press("Enter")
        wait_for_stats(page, f"s.outputLevel > {AUDIBLE}", 1000 * ANSWER_S)
        expect(answers).to_have_count(2, timeout=1000 * ANSWER_S)
        return answers.all_inner_texts()


def answer_of(told: str) -> int | None:
    found = ANSWER.search(told)
    return None if found is None else int(found[1])
