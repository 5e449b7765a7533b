"""The worker's health over HTTP, beside its metrics: cheaper to ask than gRPC, for who asks every few seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/health"


def with_health(app: WSGIApplication, serves: Callable[[], bool]) -> WSGIApplication:
    """`app`, and at `/health` 200 while `serves()`, else 503. `serves` is asked on a thread of the server."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return app(environ, start_response)
        status = HTTPStatus.OK if serves() else HTTPStatus.SERVICE_UNAVAILABLE
        headers = [("Content-Type", "text/plain"), ("Cache-Control", "no-store")]
        start_response(f"{status.value} {status.phrase}", headers)
        return [b"serving\n" if status is HTTPStatus.OK else b"not serving\n"]

    return answer
