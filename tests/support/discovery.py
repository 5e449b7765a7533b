"""`python -m support.discovery DIRECTORY`: whom a Prometheus finds by the names that a server of names knows; JSON.

For a network of its own, whose resolv.conf names 127.0.0.1; DIRECTORY holds prometheus.yml and its rules. At first an
orchestrator and a worker are there; then the worker's name is gone, and then the orchestrator does not answer.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, UDPServer
from threading import Thread
from typing import Any

import httpx

PROMETHEUS = "http://127.0.0.1:9090"
ORCHESTRATOR, WORKER = "127.0.0.2", "127.0.0.3"
TIMEOUT_S = 60.0
QUESTION_AT = 12
"""Behind the header of a message, RFC 1035."""
KNOWN, UNKNOWN = b"\x85\x80", b"\x85\x83"
"""Flags of an answer: no error, and NXDOMAIN."""


def answer(query: bytes, names: dict[str, str]) -> bytes:
    """The address of the name that a query asks for, or that there is no such name."""
    end = query.index(b"\0", QUESTION_AT) + 5
    address = names.get(".".join(_labels(query[QUESTION_AT:])))
    header = query[:2] + (UNKNOWN if address is None else KNOWN) + b"\0\1" + bytes((0, address is not None, 0, 0, 0, 0))
    record = b"" if address is None else b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(address)
    return header + query[QUESTION_AT:end] + record


def _labels(question: bytes) -> Iterator[str]:
    at = 0
    while size := question[at]:
        yield question[at + 1 : at + 1 + size].decode()
        at += 1 + size


@contextmanager
def served(server: UDPServer | ThreadingHTTPServer) -> Iterator[None]:
    """A server at work, until the block ends."""
    with server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class Metrics(BaseHTTPRequestHandler):
    """Somebody who can be scraped."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"here 1\n")

    def log_message(self, *_: object) -> None:
        """Silence."""


def found() -> dict[str, str]:
    """The health of each target, by job."""
    targets = httpx.get(f"{PROMETHEUS}/api/v1/targets", timeout=5).json()["data"]["activeTargets"]
    return {target["labels"]["job"]: target["health"] for target in targets}


def once(holds: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    """What is found as soon as it is as wanted, or when that has taken too long."""
    deadline_s = time.monotonic() + TIMEOUT_S
    seen: dict[str, str] = {}
    while time.monotonic() < deadline_s:
        try:
            if holds(seen := found()):
                break
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    return seen


def watch(directory: Path) -> dict[str, Any]:
    """What was found each time."""
    names = {"orchestrator": ORCHESTRATOR, "tts0": WORKER}

    class Names(BaseRequestHandler):
        def handle(self) -> None:
            query, reply = self.request
            reply.sendto(answer(query, names), self.client_address)

    config = [f"--config.file={directory / 'prometheus.yml'}", f"--storage.tsdb.path={directory / 'data'}"]
    with (
        served(UDPServer(("127.0.0.1", 53), Names)),
        served(ThreadingHTTPServer((WORKER, 9090), Metrics)),
        subprocess.Popen(["prometheus", *config, "--web.listen-address=127.0.0.1:9090"]) as prometheus,
    ):
        try:
            with served(ThreadingHTTPServer((ORCHESTRATOR, 8081), Metrics)):
                both = once(lambda seen: [*seen.values()].count("up") == 3)
                del names["tts0"]
                one = once(lambda seen: "tts-worker" not in seen)
            silent = once(lambda seen: seen["orchestrator"] == "down")
        finally:
            prometheus.terminate()
    return {"both": both, "one": one, "silent": silent}


if __name__ == "__main__":
    print(json.dumps(watch(Path(sys.argv[1]))))
