"""`voicechat doctor`: looks at everything a conversation stands on, and says how to mend what is broken."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

from voicechat.client.devices import import_sounddevice
from voicechat.client.errors import ClientError
from voicechat.launch.ports import PortInUseError, check_free
from voicechat.llm.find import MindError, find_mind
from voicechat.models.store import ModelError, ModelStore
from voicechat.settings import MindKind, Settings

PYTHONS = ((3, 11), (3, 13))
PACKAGES = {
    "orchestrator": ("livekit-agents", "livekit", "openai", "ctranslate2", "faster-whisper", "fastapi", "websockets"),
    "piper": ("piper-tts", "onnxruntime", "grpcio-health-checking"),
    "embedded-llm": ("xllamacpp",),
}
MIN_FREE_BYTES = 2 * 10**9
MIN_CORES = 2


class Verdict(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `mend` says what to do unless all is well."""

    subject: str
    verdict: Verdict
    detail: str
    mend: str = ""


def tell(found: Iterable[Finding], *, as_json: bool) -> bool:
    """Print every finding; whether none is a failure."""
    findings = list(found)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        console = Console(highlight=False)
        for finding in findings:
            _show(finding, console)
    return all(finding.verdict is not Verdict.FAIL for finding in findings)


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at one thing after the other."""
    yield python_version(sys.version_info[:2])
    yield from (package for extra in PACKAGES for package in packages(extra, version))
    yield from models(settings)
    yield mind(settings)
    yield port("API and page", settings.server.host, settings.server.port, "--port")
    yield port("health and metrics", settings.server.ops_host, settings.server.health_check_port, "--ops-port")
    yield sound_card()
    yield cores(os.cpu_count() or 1)
    yield disk(ModelStore(settings.models.directory).directory)


def python_version(found: tuple[int, ...]) -> Finding:
    """Whether this Python is one that we run on."""
    text = ".".join(map(str, found))
    if PYTHONS[0] <= found <= PYTHONS[1]:
        return Finding("python", Verdict.OK, text)
    return Finding("python", Verdict.FAIL, text, "use Python 3.11, 3.12 or 3.13")


def packages(extra: str, version_of: Callable[[str], str]) -> Iterator[Finding]:
    """The packages of one process. Another process may run on another machine, so their absence only warns."""
    found, absent = [], []
    for name in PACKAGES[extra]:
        try:
            found.append(f"{name} {version_of(name)}")
        except PackageNotFoundError:
            absent.append(name)
    if absent:
        mend = f"pip install 'voicechat[{extra}]'"
        yield Finding(f"packages of {extra}", Verdict.WARN, f"{', '.join(absent)} not installed", mend)
    else:
        yield Finding(f"packages of {extra}", Verdict.OK, ", ".join(found))


def models(settings: Settings) -> Iterator[Finding]:
    """The voice, the ears and the embedded mind: present, and what they should be."""
    store = ModelStore(settings.models.directory)
    yield _model(store, "voice", settings.tts.default_model, Verdict.FAIL)
    if settings.asr.enabled:
        yield _model(store, "ears", settings.asr.model, Verdict.FAIL)
    if settings.llm.mind in (MindKind.AUTO, MindKind.EMBEDDED):
        needed = Verdict.FAIL if settings.llm.mind is MindKind.EMBEDDED else Verdict.WARN
        yield _model(store, "embedded mind", settings.llm.embedded_model, needed)


def _model(store: ModelStore, part: str, model_id: str, if_broken: Verdict) -> Finding:
    try:
        return Finding(part, Verdict.OK, f"{model_id} is whole in {store.verify(model_id)}")
    except ModelError as error:
        return Finding(part, if_broken, str(error), f"voicechat models pull {model_id}")


def mind(settings: Settings) -> Finding:
    """Which language model would answer."""
    ours = (settings.server.port, settings.server.health_check_port)
    try:
        found = asyncio.run(find_mind(settings.llm, skip_ports=ours))
    except MindError as error:
        return Finding("mind", Verdict.FAIL, str(error), "set OPENAI_BASE_URL, or llm.mind to embedded")
    if found.is_demonstration:
        return Finding(
            "mind", Verdict.WARN, found.description, "start Ollama, or set OPENAI_BASE_URL or OPENAI_API_KEY"
        )
    return Finding("mind", Verdict.OK, found.description)


def port(use: str, host: str, number: int, option: str) -> Finding:
    """Whether a port can be had."""
    try:
        check_free(host, number, option)
    except PortInUseError as error:
        return Finding(f"port {number}", Verdict.WARN, f"{use}: {error}", f"choose another with {option}")
    return Finding(f"port {number}", Verdict.OK, f"{use}: free")


def sound_card() -> Finding:
    """Whether `voicechat talk` could use the sound card; the page needs none here."""
    mend = "only `voicechat talk` without --input needs one; the page uses the browser's"
    try:
        sounddevice = import_sounddevice()
        names = [sounddevice.query_devices(kind=kind)["name"] for kind in ("input", "output")]
    except ClientError as error:
        return Finding("sound card", Verdict.WARN, str(error), mend)
    except Exception as error:
        return Finding("sound card", Verdict.WARN, f"no microphone or no loudspeaker ({error})", mend)
    return Finding("sound card", Verdict.OK, f"{names[0]} and {names[1]}")


def cores(count: int) -> Finding:
    """Whether voice, ears and mind can work at the same time."""
    if count >= MIN_CORES:
        return Finding("cores", Verdict.OK, str(count))
    return Finding("cores", Verdict.WARN, str(count), f"expect pauses: a conversation wants {MIN_CORES} cores")


def disk(directory: Path) -> Finding:
    """Whether there is room for models."""
    existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{free / 1e9:.1f} GB free for models in {directory}"
    if free >= MIN_FREE_BYTES:
        return Finding("disk", Verdict.OK, detail)
    return Finding("disk", Verdict.WARN, detail, "make room, or set VOICECHAT_MODELS to another directory")


def _show(finding: Finding, console: Console) -> None:
    console.print(f"[{STYLES[finding.verdict]}]{finding.verdict.value:<5}[/]", end="")
    console.print(f"{finding.subject}: {finding.detail}", markup=False, soft_wrap=True)
    if finding.mend and finding.verdict is not Verdict.OK:
        console.print(f"     mend: {finding.mend}", style="dim", markup=False, soft_wrap=True)
