"""`python unobserved.py MODULE`: runs a module of ours that counts nothing and logs nothing, to compare with."""

from __future__ import annotations

import os
import runpy
import sys

from prometheus_client import Counter, Gauge, Histogram


def nothing(*_: object, **__: object) -> None:
    """In the place of everything that counts."""


if __name__ == "__main__":
    for kind, methods in {Counter: ("inc",), Gauge: ("inc", "dec", "set"), Histogram: ("observe",)}.items():
        for method in methods:
            setattr(kind, method, nothing)
    os.environ["LOG_LEVEL"] = "ERROR"
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
