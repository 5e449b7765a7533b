"""Programs of others that a bench starts."""

from __future__ import annotations

import shutil

from voicechat.bench.systems.port import BenchError


def program(*names: str) -> str:
    """The path of the first of these that is installed. Raises `BenchError`; the first name is Debian's package."""
    for name in names:
        if (found := shutil.which(name)) is not None:
            return found
    raise BenchError(f"{names[0]} is not installed; get it with: apt-get install {names[0]}")
