from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient, WebSocketDenialResponse

from voicechat.access.fake import FakeKeys, fake_access
from voicechat.access.keys import Scope, make_key
from voicechat.api.app import create_app
from voicechat.api.scopes import NEEDS, need_of
from voicechat.api.services import Services


class Guarded:
    """The API where keys are required, with a key for each scope."""

    def __init__(self, services: Services, page: Path) -> None:
        made = {scope: make_key(scope.value, [scope], 1000.0) for scope in Scope}
        self.tokens = {scope: token for scope, (_, token) in made.items()}
        store = FakeKeys(*(key for key, _ in made.values()))
        access, _ = asyncio.run(fake_access(store, keys_required=True))
        app = create_app(replace(services, access=access), page)
        self.client = TestClient(app, base_url="http://127.0.0.1:8080", raise_server_exceptions=False)

    def bearer(self, scope: Scope) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[scope]}"}


@pytest.fixture
def guarded(services: Services, page: Path) -> Iterator[Guarded]:
    made = Guarded(services, page)
    with made.client:
        yield made


def test_every_route_says_what_opens_it(services: Services, page: Path) -> None:
    app: FastAPI = create_app(services, page)
    described = {path.partition("/{")[0] for path in app.openapi()["paths"]}
    sockets = {"/v1/realtime"}
    assert described | sockets | {"/docs", "/openapi.json"} <= set(NEEDS) | {"/"}


def test_a_path_of_the_api_that_was_forgotten_needs_an_admin() -> None:
    assert need_of("/v1/sessions").scope is Scope.ADMIN
    assert need_of("/api").scope is Scope.ADMIN
    assert need_of("/v1/audio/speech/stream").scope is Scope.SPEAK
    assert need_of("/_next/static/app.js").public


def test_the_page_and_the_description_need_no_key(guarded: Guarded) -> None:
    assert [guarded.client.get(path).status_code for path in ("/", "/docs", "/openapi.json")] == [200, 200, 200]


def test_without_a_key_the_answer_names_the_header(guarded: Guarded) -> None:
    answer = guarded.client.post("/synthesize", json={"text": "Hi."})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "missing_api_key")
    assert "Authorization: Bearer" in answer.json()["error"]["message"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["authorization", "api-key"])
def test_a_key_is_taken_as_openai_and_azure_clients_send_it(guarded: Guarded, header: str) -> None:
    token = guarded.tokens[Scope.SPEAK]
    value = token if header == "api-key" else f"bearer  {token}"
    assert guarded.client.post("/synthesize", json={"text": "Hi."}, headers={header: value}).status_code == 200


def test_a_key_of_another_scope_is_forbidden(guarded: Guarded) -> None:
    answer = guarded.client.post("/synthesize", json={"text": "Hi."}, headers=guarded.bearer(Scope.LISTEN))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_scope")
    assert guarded.client.get("/v1/models", headers=guarded.bearer(Scope.LISTEN)).status_code == 200


def test_a_page_of_elsewhere_may_ask_whether_it_may_send_a_key(guarded: Guarded) -> None:
    asked = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
    answer = guarded.client.options("/synthesize", headers=asked | {"access-control-request-headers": "authorization"})
    assert answer.status_code == 200
    refused = guarded.client.post("/synthesize", json={"text": "Hi."}, headers={"origin": "http://localhost:3000"})
    assert refused.headers["access-control-allow-origin"] == "http://localhost:3000"


def test_a_client_secret_opens_a_conversation_and_nothing_else(guarded: Guarded) -> None:
    secret = guarded.client.post("/v1/realtime/client_secrets", headers=guarded.bearer(Scope.CONVERSE)).json()["value"]
    with guarded.client.websocket_connect(
        "/v1/realtime", subprotocols=["realtime", f"openai-insecure-api-key.{secret}"]
    ):
        pass
    for path in ("/v1/realtime/client_secrets", "/synthesize"):
        answer = guarded.client.post(path, headers={"authorization": f"Bearer {secret}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_client_secret")


@pytest.mark.parametrize(("scope", "status"), [(None, 401), (Scope.SPEAK, 403)])
def test_a_conversation_is_denied_before_it_is_accepted(guarded: Guarded, scope: Scope | None, status: int) -> None:
    headers = {} if scope is None else guarded.bearer(scope)
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        guarded.client.websocket_connect("/v1/realtime", headers=headers),
    ):
        pass
    assert denied.value.status_code == status


def test_an_admin_may_do_everything(guarded: Guarded) -> None:
    headers = guarded.bearer(Scope.ADMIN)
    assert guarded.client.post("/synthesize", json={"text": "Hi."}, headers=headers).status_code == 200
    with guarded.client.websocket_connect("/v1/realtime", headers=headers):
        pass
