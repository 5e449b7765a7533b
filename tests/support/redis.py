"""A real Redis of one's own."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass

import redis

from voicechat.launch.ports import free_port


@dataclass
class RedisServer:
    """`redis-server` on a loopback port, which it keeps over restarts; it stores nothing."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"],
            stdout=subprocess.DEVNULL,
        )
        client = redis.Redis(port=self.port, socket_connect_timeout=1)
        deadline = time.monotonic() + 10
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)
        client.close()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def new_redis() -> RedisServer:
    """A running one."""
    server = RedisServer(free_port())
    server.start()
    return server
