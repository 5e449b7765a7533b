from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import setup_testing_defaults

import pytest

from voicechat.tts.health import with_health


def _metrics(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"metrics"]


def _asked(path: str, *, serves: bool) -> tuple[str, bytes]:
    environ: WSGIEnvironment = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    body = with_health(_metrics, lambda: serves)(environ, lambda status, *_: statuses.append(status))  # type: ignore[arg-type]
    return statuses[0], b"".join(body)


@pytest.mark.parametrize(("serves", "status"), [(True, "200 OK"), (False, "503 Service Unavailable")])
def test_health_says_whether_the_worker_serves(serves: bool, status: str) -> None:
    assert _asked("/health", serves=serves)[0] == status


def test_every_other_path_shows_metrics() -> None:
    assert _asked("/metrics", serves=False) == ("200 OK", b"metrics")
