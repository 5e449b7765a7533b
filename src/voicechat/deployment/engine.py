"""The Docker Engine, as far as backups need it: volumes read and written through containers that never start.

Its API is that of https://docs.docker.com/reference/api/engine/; a socket is enough, and no docker command.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from voicechat.deployment.layout import DeploymentError

API = "v1.41"
"""That of Docker 20.10; newer engines still speak it."""
SOCKET = "unix:///var/run/docker.sock"
TIMEOUT = httpx.Timeout(30, read=300, write=300)
MOUNTED = "data"
"""Where a volume is in the container that holds it, from the root."""


class Engine:
    """One engine, asked over `client`. Every method raises `DeploymentError` when it refuses or does not answer."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def info(self) -> dict[str, Any]:
        """What it says of itself and its machine."""
        found: dict[str, Any] = self._asked("GET", "/info").json()
        return found

    def has_image(self, image: str) -> bool:
        """Whether an image is there."""
        return self._exists(f"/images/{image}/json")

    def has_volume(self, name: str) -> bool:
        """Whether a volume is there."""
        return self._exists(f"/volumes/{name}")

    def users_of(self, volume: str) -> list[str]:
        """Names of the containers that have a volume, those that do not run included."""
        query = {"all": "1", "filters": json.dumps({"volume": [volume]})}
        found = self._asked("GET", "/containers/json", params=query).json()
        return [str(one["Names"][0]).lstrip("/") for one in found]

    def published_ports(self) -> set[int]:
        """Ports of the machine that its running containers have."""
        found = self._asked("GET", "/containers/json").json()
        return {port["PublicPort"] for one in found for port in one["Ports"] if "PublicPort" in port}

    def make_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """An empty volume, whatever one of that name held before."""
        if self.has_volume(name):
            self._asked("DELETE", f"/volumes/{name}")
        self._asked("POST", "/volumes/create", json={"Name": name, "Labels": dict(labels)})

    def read_volume(self, name: str, image: str) -> Iterator[bytes]:
        """All files of a volume, as pieces of a tar archive."""
        with self._holding(name, image) as container:
            path = f"/containers/{container}/archive"
            with self._client.stream("GET", f"/{API}{path}", params={"path": f"/{MOUNTED}"}) as answer:
                _check(answer)
                yield from answer.iter_bytes()

    def write_volume(self, name: str, image: str, archive: Iterable[bytes]) -> None:
        """Put what `read_volume` gave into a volume, with owners and modes."""
        with self._holding(name, image) as container:
            self._asked("PUT", f"/containers/{container}/archive", params={"path": "/"}, content=archive)

    def names_in(self, volume: str, image: str) -> list[str]:
        """What the top of a volume holds."""
        command = {"Entrypoint": ["ls"], "Cmd": [f"/{MOUNTED}"], "Tty": True}
        with self._holding(volume, image, **command) as container:
            self._asked("POST", f"/containers/{container}/start")
            self._asked("POST", f"/containers/{container}/wait")
            return self._asked("GET", f"/containers/{container}/logs", params={"stdout": "1"}).text.split()

    @contextmanager
    def _holding(self, volume: str, image: str, **config: Any) -> Iterator[str]:
        """A container that has the volume, for a while."""
        limits = {"Binds": [f"{volume}:/{MOUNTED}"], "NetworkMode": "none"}
        body = {"Image": image, "User": "0:0", "HostConfig": limits, **config}
        container = self._asked("POST", "/containers/create", json=body).json()["Id"]
        try:
            yield container
        finally:
            self._asked("DELETE", f"/containers/{container}", params={"force": "1"})

    def _exists(self, path: str) -> bool:
        answer = self._send("GET", path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        _check(answer)
        return True

    def _asked(self, method: str, path: str, **request: Any) -> httpx.Response:
        answer = self._send(method, path, **request)
        _check(answer)
        return answer

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._client.request(method, f"/{API}{path}", **request)
        except httpx.HTTPError as error:
            raise DeploymentError(
                f"the Docker Engine does not answer ({error}): start it, or set DOCKER_HOST"
            ) from error


@contextmanager
def engine_of(environ: Mapping[str, str]) -> Iterator[Engine]:
    """The engine at the socket that DOCKER_HOST names, or at the usual one."""
    address = urlsplit(environ.get("DOCKER_HOST") or SOCKET)
    if address.scheme != "unix":
        raise DeploymentError(f"DOCKER_HOST is {address.geturl()}: run this on the machine of that engine")
    transport = httpx.HTTPTransport(uds=address.path)
    with httpx.Client(transport=transport, base_url="http://docker", timeout=TIMEOUT) as client:
        yield Engine(client)


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    answer.read()
    raise DeploymentError(f"the Docker Engine refuses: {_message(answer)}")


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"
