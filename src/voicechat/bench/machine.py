"""What a measurement was made on, and what else ran meanwhile."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("voicechat", "ctranslate2", "faster-whisper", "onnxruntime", "piper-tts", "numpy", "grpcio", "soxr")


def machine_spec() -> dict[str, Any]:
    """Processor, cores, memory, kernel and versions, with the date (UTC)."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": platform.release(),
        "system": platform.platform(terse=True),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "python": sys.version.split()[0],
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _cpu_model() -> str:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Seconds that the machine's cores have spent since it started."""

    busy_s: float
    stolen_s: float
    total_s: float

    @classmethod
    def now(cls) -> CpuTimes:
        """As the kernel counts; a kernel that does not tell of stolen time counts 0."""
        times = psutil.cpu_times()
        stolen = getattr(times, "steal", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        # Guest time is part of user time already.
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return cls(total - idle - stolen, stolen, total)

    def since(self, earlier: CpuTimes) -> dict[str, float]:
        """Shares of all cores' time between two readings, in percent."""
        total = max(self.total_s - earlier.total_s, 1e-9)
        return {
            "busy_percent": round(100 * (self.busy_s - earlier.busy_s) / total, 1),
            "steal_percent": round(100 * (self.stolen_s - earlier.stolen_s) / total, 2),
        }
