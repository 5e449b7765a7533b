"""Downloads over HTTP that go on where they were cut off."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import tenacity

from voicechat.models.errors import FetchError

ATTEMPTS = 5
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})

OnBytes = Callable[[int, int | None], None]


class HttpDownloader:
    """Fetches addresses into part files, resuming and retrying.

    A part is resumed where its digest is known beforehand, or where the server's strong entity tag proves that the rest
    belongs to it (RFC 9110, sections 13.1.5 and 14.2); otherwise it starts afresh.
    """

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def fetch(self, url: str, part: Path, *, pinned: bool, on_bytes: OnBytes) -> None:
        """Completes `part` from `url`; `on_bytes` hears the bytes so far and the total where it is known.

        Raises:
            FetchError: The server cannot be reached or refuses.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=8),
            retry=tenacity.retry_if_exception(_is_transient),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client:
                retrying(_attempt, client, url, part, pinned, on_bytes)
        except httpx.HTTPStatusError as error:
            raise FetchError(_refusal(url, error.response.status_code)) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchError(
                f"cannot fetch {url} ({error or type(error).__name__}); check the network and pull again: "
                "what has come so far is kept"
            ) from error


def _attempt(client: httpx.Client, url: str, part: Path, pinned: bool, on_bytes: OnBytes) -> None:
    with client.stream("GET", url, headers=_headers(part, pinned)) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if _claims_total(response) == part.stat().st_size:
                return
            _forget(part)
            return _attempt(client, url, part, pinned, on_bytes)
        response.raise_for_status()
        _write(response, part, on_bytes)


def _headers(part: Path, pinned: bool) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity"}
    etag = _etag_file(part).read_text(encoding="ascii") if _etag_file(part).exists() else ""
    if not part.exists() or not (pinned or etag):
        _forget(part)
        return headers
    headers["Range"] = f"bytes={part.stat().st_size}-"
    if etag and not pinned:
        headers["If-Range"] = etag
    return headers


def _write(response: httpx.Response, part: Path, on_bytes: OnBytes) -> None:
    resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
    done = part.stat().st_size if resumed else 0
    if not resumed:
        _remember_etag(response, part)
    length = response.headers.get("Content-Length")
    total = done + int(length) if length is not None else None
    with part.open("ab" if resumed else "wb") as stream:
        on_bytes(done, total)
        # Chunks as they come: gathering them to a size would lose the last of a connection that breaks.
        for chunk in response.iter_raw():
            stream.write(chunk)
            done += len(chunk)
            on_bytes(done, total)
    _etag_file(part).unlink(missing_ok=True)


def _remember_etag(response: httpx.Response, part: Path) -> None:
    etag = response.headers.get("ETag", "")
    if etag.startswith('"') and etag.isascii():
        _etag_file(part).write_text(etag, encoding="ascii")
    else:
        _etag_file(part).unlink(missing_ok=True)


def _etag_file(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _etag_file(part).unlink(missing_ok=True)


def _claims_total(response: httpx.Response) -> int | None:
    """The full size that a 416 answer names: `Content-Range: bytes */1234`."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else None


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _TRANSIENT
    return isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)


def _refusal(url: str, status: int) -> str:
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return f"{url} answered {status}: it is not open to everybody; download it by hand into the model's directory"
    if status == httpx.codes.NOT_FOUND:
        return f"{url} answered 404: there is no such file; check the address or HF_ENDPOINT"
    return f"{url} answered {status}; try again later: what has come so far is kept"
