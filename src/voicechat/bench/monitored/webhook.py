"""Who is told of alerts: a web server that keeps what it is sent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from voicechat.launch.ports import LOOPBACK

BEARER = "Bearer drill"


@dataclass(frozen=True, slots=True)
class Told:
    """One alert as it arrived; `at_s` on the monotonic clock."""

    at_s: float
    receiver: str
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def alert(self) -> str:
        """Its name."""
        return self.labels["alertname"]


@dataclass(slots=True)
class Webhook:
    """What has arrived, in order."""

    url: str = ""
    told: list[Told] = field(default_factory=list)

    def take(self, path: str, body: dict[str, Any]) -> None:
        """One notification."""
        now_s = time.monotonic()
        for alert in body["alerts"]:
            self.told.append(
                Told(now_s, path.strip("/"), alert["status"], dict(alert["labels"]), dict(alert["annotations"]))
            )

    def first(self, alert: str, since_s: float = 0.0) -> Told | None:
        """The first news that `alert` fires, since a moment."""
        firing = (one for one in list(self.told) if one.alert == alert and one.status == "firing")
        return next((one for one in firing if one.at_s >= since_s), None)


@contextmanager
def listening() -> Iterator[Webhook]:
    """A webhook on a free port, which takes only what shows the token."""
    webhook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            allowed = self.headers.get("Authorization") == BEARER
            if allowed:
                webhook.take(self.path, json.loads(body))
            self.send_response(200 if allowed else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    webhook.url = f"http://{LOOPBACK}:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield webhook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
