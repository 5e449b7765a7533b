"""`voicechat up`: everything on this machine, from one command to one Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial

from rich.console import Console

from voicechat.access.build import check_door
from voicechat.launch.alone import check_orchestrator_ports
from voicechat.launch.authority import Certificate
from voicechat.launch.lan import Pairing, on_the_network, paired, show_pairing
from voicechat.launch.logfile import open_log
from voicechat.launch.models import pull_models
from voicechat.launch.ports import free_port
from voicechat.launch.screen import Screen
from voicechat.launch.service import ServiceFailed
from voicechat.launch.services import ANY_ADDRESS, mind_service, orchestrator_service, voice_service
from voicechat.launch.supervisor import SupervisedService, Supervisor
from voicechat.llm.find import Mind, find_mind
from voicechat.models.store import ModelStore
from voicechat.settings import MindKind, Settings


class ModelsAbsentError(Exception):
    """Models that are needed are not here; the text names the command that fetches them."""


def run_up(settings: Settings, *, pull: bool, lan: bool = False) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code. `lan`: for devices of the same network too.

    Raises `NoNetworkError`, `PortInUseError`, `ExposedError`, `KeyStoreError`, `ModelsAbsentError`, `MindError` or
    `ServiceFailed`, each with what to do.
    """
    settings, certificate = on_the_network(settings) if lan else (settings, None)
    check_orchestrator_ports(settings)
    asyncio.run(check_door(settings))
    settings = _with_ports(settings)
    log = open_log(f"up-{settings.server.port}.log")
    with log:
        screen = Screen(Console(highlight=False), Console(stderr=True, highlight=False), log)
        asyncio.run(_up(settings, screen, certificate, pull=pull))
    return 0


async def _up(settings: Settings, screen: Screen, certificate: Certificate | None, *, pull: bool) -> None:
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(_stop_signals(stop))
        mind = await find_mind(settings.llm, skip_ports=(settings.server.port, settings.server.health_check_port))
        _require_models(settings, needed_models(settings, mind), pull=pull)
        screen.line("mind", "is", mind.description, "yellow" if mind.is_demonstration else "green")
        pairing = await stack.enter_async_context(paired(settings)) if certificate is not None else None
        async with Supervisor(screen) as supervisor:
            services = _start(supervisor, settings, mind)
            await _serve_until(
                stop, supervisor, services, partial(_greet, settings, screen, pairing, certificate), screen
            )
            screen.line("all", "ends", "")


def _start(supervisor: Supervisor, settings: Settings, mind: Mind) -> list[SupervisedService]:
    voice = voice_service(settings)
    started = [supervisor.start(voice)]
    if mind.kind is MindKind.EMBEDDED:
        embedded = mind_service(settings)
        started.append(supervisor.start(embedded))
        mind = mind.at(f"http://{embedded.address}/v1")
    started.append(supervisor.start(orchestrator_service(settings, mind, voice.address)))
    return started


async def _serve_until(
    stop: asyncio.Event,
    supervisor: Supervisor,
    services: Sequence[SupervisedService],
    greet: Callable[[], None],
    screen: Screen,
) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(supervisor.watch())
            greeting = group.create_task(_announce(services, greet))
            await stop.wait()
            watching.cancel()
            greeting.cancel()
    except* ServiceFailed as failures:
        raise ServiceFailed(f"{failures.exceptions[0]}; its log is {screen.log_path}") from None


async def _announce(services: Sequence[SupervisedService], greet: Callable[[], None]) -> None:
    for service in services:
        await service.became_ready()
    greet()


def _greet(settings: Settings, screen: Screen, pairing: Pairing | None, certificate: Certificate | None) -> None:
    host = "localhost" if settings.server.host in ("127.0.0.1", *ANY_ADDRESS) else settings.server.host
    screen.line("log", "", str(screen.log_path))
    if pairing is not None and certificate is not None:
        show_pairing(pairing, certificate, screen)
    scheme, key = ("http", "") if pairing is None else ("https", f"/#key={pairing.token}")
    screen.line("open", "", f"{scheme}://{host}:{settings.server.port}{key}   and talk; Ctrl-C ends it", "bold")


def needed_models(settings: Settings, mind: Mind) -> list[str]:
    """The models without which this installation cannot hold a conversation."""
    ears = [settings.asr.model] if settings.asr.enabled else []
    minds = [settings.llm.embedded_model] if mind.kind is MindKind.EMBEDDED else []
    return [settings.tts.default_model, *ears, *(model for model in minds if not model.endswith(".gguf"))]


def _require_models(settings: Settings, ids: Sequence[str], *, pull: bool) -> None:
    store = ModelStore(settings.models.directory)
    absent = [model_id for model_id in ids if not store.installed(model_id)]
    if absent and pull:
        pull_models(settings.models.directory, absent)
    elif absent:
        names = " ".join(absent)
        raise ModelsAbsentError(
            f"these models are not in {store.directory}: {', '.join(absent)}; fetch them with "
            f"`voicechat models pull {names}`, or give --pull"
        )


def _with_ports(settings: Settings) -> Settings:
    """`settings` with a free port wherever any is asked for, so that it stays the same after a restart."""
    server = settings.server
    chosen = {
        "port": server.port or free_port(),
        "health_check_port": server.health_check_port or free_port(),
    }
    return settings.model_copy(update={"server": server.model_copy(update=chosen)})


@contextmanager
def _stop_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
