"""Conversations in a room over a network that loses packets and delays them unevenly, beside one that does neither.

The product and LiveKit live in one network namespace, the caller in another; `tc netem` acts on the UDP of the cable
between them, in both directions. Root only.

    PYTHONPATH=tests .venv/bin/python benchmarks/rooms_lossy.py [TURNS]
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from support.livekit import start_livekit
from support.stack import start_stack

from voicechat.bench.machine import machine_spec

TURNS = 8
PRODUCT, CALLER = "voicechat-product", "voicechat-caller"
PRODUCT_ADDRESS, CALLER_ADDRESS = "10.99.0.1", "10.99.0.2"
NETEM = ("loss", "10%", "delay", "100ms", "50ms", "distribution", "normal")
"""10 % lost, and delays that spread over some 100 ms around 100 ms; each way."""


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def inside(namespace: str) -> list[str]:
    return ["ip", "netns", "exec", namespace]


def lay_cable() -> None:
    for namespace in (PRODUCT, CALLER):
        run("ip", "netns", "add", namespace)
        run(*inside(namespace), "ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "cable0", "netns", PRODUCT, "type", "veth", "peer", "name", "cable1", "netns", CALLER)
    for namespace, end, address in ((PRODUCT, "cable0", PRODUCT_ADDRESS), (CALLER, "cable1", CALLER_ADDRESS)):
        run(*inside(namespace), "ip", "addr", "add", f"{address}/24", "dev", end)
        run(*inside(namespace), "ip", "link", "set", end, "up")


def remove_cable() -> None:
    for namespace in (PRODUCT, CALLER):
        subprocess.run(["ip", "netns", "del", namespace], check=False)


def spoil() -> None:
    for namespace, end in ((PRODUCT, "cable0"), (CALLER, "cable1")):
        tc = [*inside(namespace), "tc"]
        run(*tc, "qdisc", "add", "dev", end, "root", "handle", "1:", "prio", "bands", "3", "priomap", *["0"] * 16)
        run(*tc, "qdisc", "add", "dev", end, "parent", "1:3", "handle", "30:", "netem", *NETEM)
        udp = ("u32", "match", "ip", "protocol", "17", "0xff", "flowid", "1:3")
        run(*tc, "filter", "add", "dev", end, "parent", "1:0", "protocol", "ip", "prio", "1", *udp)


def converse(url: str, turns: int) -> dict[str, Any]:
    command = [*inside(CALLER), sys.executable, __file__, "--call", url, str(turns)]
    done = subprocess.run(command, capture_output=True, timeout=240, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def call(url: str, turns: int) -> None:
    from voicechat.bench.calls.conversation import run_stage
    from voicechat.bench.calls.livekit_line import LiveKitAssistant
    from voicechat.bench.calls.utterances import human_utterances

    stage = asyncio.run(run_stage(LiveKitAssistant(url, {}), human_utterances(12), 1, turns, None, 0))
    print(json.dumps(stage.as_json()))


def main(turns: int) -> None:
    directory = Path(tempfile.mkdtemp())
    remove_cable()
    lay_cable()
    livekit = start_livekit(directory, wrapper=inside(PRODUCT), address=PRODUCT_ADDRESS)
    stack = None
    try:
        livekit.wait_until_ready(inside(PRODUCT))
        options = ("--mind", "embedded", "--set", "llm.max_output_tokens=60", "--set", "access.insecure=true")
        stack = start_stack(
            directory / "up.log",
            *options,
            "--set",
            f"server.host={PRODUCT_ADDRESS}",
            wrapper=inside(PRODUCT),
            environment=livekit.environment,
        )
        while "open " not in stack.log.read_text() and stack.process.poll() is None:
            time.sleep(0.2)
        url = f"http://{PRODUCT_ADDRESS}:{stack.port}"
        converse(url, 1)
        clean = converse(url, turns)
        spoil()
        lossy = converse(url, turns)
        print(json.dumps({"machine": machine_spec(), "netem": NETEM, "clean": clean, "lossy": lossy}, indent=1))
    except BaseException:
        print((directory / "up.log").read_text(), file=sys.stderr)
        raise
    finally:
        if stack is not None:
            stack.stop()
        livekit.stop()
        remove_cable()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--call"]:
        call(sys.argv[2], int(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS)
