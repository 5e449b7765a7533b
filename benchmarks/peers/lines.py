"""JSON lines between the bench and a peer's Python API."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any


def serve(speak: Callable[[str], Iterator[bytes]], rate_hz: int, settings: dict[str, Any]) -> None:
    """Answer each line of standard input with the pieces of its reply and when each was there, s."""
    _print({"ready": True, "settings": settings})
    for line in sys.stdin:
        began = perf_counter()
        pieces = [(perf_counter() - began, pcm) for pcm in speak(json.loads(line)["text"])]
        encoded = [(at, base64.b64encode(pcm).decode()) for at, pcm in pieces]
        _print({"rate_hz": rate_hz, "pieces": encoded})


def _print(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)
