"""What is asked of Docker's API, and what is made of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import httpx
import pytest

from voicechat.deployment.engine import Engine, engine_of
from voicechat.deployment.layout import DeploymentError

Answers = Mapping[tuple[str, str], httpx.Response | Callable[[httpx.Request], httpx.Response]]


class Api:
    """Answers by method and path, and remembers what was asked."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        key = (request.method, request.url.path.removeprefix("/v1.41"))
        self.asked.append(" ".join(key))
        answer = self.answers[key]
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def engine(self) -> Engine:
        return Engine(httpx.Client(transport=httpx.MockTransport(self), base_url="http://docker"))


HELD: Answers = {
    ("POST", "/containers/create"): httpx.Response(201, json={"Id": "held"}),
    ("DELETE", "/containers/held"): httpx.Response(204),
}


def test_a_volume_is_read_through_a_container_that_goes_again() -> None:
    api = Api({**HELD, ("GET", "/containers/held/archive"): httpx.Response(200, content=b"archive")})
    assert b"".join(api.engine().read_volume("logs", "image")) == b"archive"
    assert api.asked == ["POST /containers/create", "GET /containers/held/archive", "DELETE /containers/held"]


def test_a_volume_is_written_with_what_was_read() -> None:
    written = []

    def take(request: httpx.Request) -> httpx.Response:
        written.append(request.read())
        return httpx.Response(200)

    Api({**HELD, ("PUT", "/containers/held/archive"): take}).engine().write_volume("logs", "image", iter([b"a", b"b"]))
    assert written == [b"ab"]


def test_the_container_has_the_volume_and_no_network() -> None:
    made = []

    def create(request: httpx.Request) -> httpx.Response:
        made.append(json.loads(request.read()))
        return httpx.Response(201, json={"Id": "held"})

    answers = {**HELD, ("POST", "/containers/create"): create, ("GET", "/containers/held/archive"): httpx.Response(200)}
    list(Api(answers).engine().read_volume("logs", "image"))
    assert made[0]["HostConfig"] == {"Binds": ["logs:/data"], "NetworkMode": "none"}


def test_a_refusal_is_told_in_the_words_of_the_engine_and_leaves_no_container() -> None:
    refused = httpx.Response(500, json={"message": "no space left"})
    api = Api({**HELD, ("GET", "/containers/held/archive"): refused})
    with pytest.raises(DeploymentError, match="no space left"):
        list(api.engine().read_volume("logs", "image"))
    assert api.asked[-1] == "DELETE /containers/held"


def test_an_engine_that_does_not_run_is_told_with_what_to_do() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no such file")

    with pytest.raises(DeploymentError, match="start it, or set DOCKER_HOST"):
        Api({("GET", "/info"): refuse}).engine().info()


def test_an_existing_volume_is_made_anew() -> None:
    api = Api(
        {
            ("GET", "/volumes/logs"): httpx.Response(200, json={}),
            ("DELETE", "/volumes/logs"): httpx.Response(204),
            ("POST", "/volumes/create"): httpx.Response(201, json={}),
        }
    )
    api.engine().make_volume("logs", {})
    assert api.asked == ["GET /volumes/logs", "DELETE /volumes/logs", "POST /volumes/create"]


def test_what_is_not_there_is_no_error() -> None:
    answers: Answers = {
        ("GET", "/volumes/logs"): httpx.Response(404, json={"message": "no such volume"}),
        ("GET", "/images/one:prod/json"): httpx.Response(404, json={"message": "no such image"}),
    }
    engine = Api(answers).engine()
    assert not engine.has_volume("logs")
    assert not engine.has_image("one:prod")


def test_containers_are_listed_by_volume_and_by_port() -> None:
    listed = [{"Names": ["/redis-tts-prod"], "Ports": [{"PrivatePort": 80, "PublicPort": 8443}, {"PrivatePort": 81}]}]
    engine = Api({("GET", "/containers/json"): httpx.Response(200, json=listed)}).engine()
    assert engine.users_of("redis-data") == ["redis-tts-prod"]
    assert engine.published_ports() == {8443}


def test_the_top_of_a_volume_is_listed() -> None:
    answers: Answers = {
        **HELD,
        ("POST", "/containers/held/start"): httpx.Response(204),
        ("POST", "/containers/held/wait"): httpx.Response(200, json={"StatusCode": 0}),
        ("GET", "/containers/held/logs"): httpx.Response(200, text="one  two\r\n"),
    }
    assert Api(answers).engine().names_in("models", "image") == ["one", "two"]


def test_an_engine_of_another_machine_is_refused() -> None:
    elsewhere = engine_of({"DOCKER_HOST": "tcp://elsewhere:2375"})
    with pytest.raises(DeploymentError, match="on the machine of that engine"), elsewhere:
        pass
