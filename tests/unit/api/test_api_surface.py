from __future__ import annotations

import json
from pathlib import Path

import pytest
from openai.types.realtime import ClientSecretCreateResponse
from starlette.testclient import TestClient, WebSocketDenialResponse

from voicechat.api.app import create_app
from voicechat.api.guard import refusal
from voicechat.api.services import Services
from voicechat.fleet.fake import FakeFleet
from voicechat.fleet.port import VoiceError


def built(page: Path) -> None:
    (page / "_next/static").mkdir(parents=True)
    (page / "index.html").write_text("<h1>Talk</h1>")
    (page / "404.html").write_text("<h1>Nothing here</h1>")
    (page / "_next/static/app-1f2e.js").write_text("1")
    (page / "csp-hashes.json").write_text(json.dumps({"script": ["sha256-abc="]}))


def test_models_and_voices_are_listed(client: TestClient) -> None:
    ids = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert {"gpt-realtime", "whisper-1", "tts-1", "fake"} <= set(ids)
    voices = client.get("/v1/voices").json()
    assert [voice["id"] for voice in voices["data"]] == ["fake"]
    assert voices["aliases"]["alloy"] == "piper-en-us-joe-medium"


def test_listing_without_a_worker_is_unavailable(
    client: TestClient, fleet: FakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise VoiceError("UNAVAILABLE", "no worker")

    monkeypatch.setattr(fleet, "models", away)
    answer = client.get("/v1/voices")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


def test_a_client_secret_opens_its_session(client: TestClient) -> None:
    body = {
        "expires_after": {"anchor": "created_at", "seconds": 60},
        "session": {"type": "realtime", "instructions": "Hm."},
    }
    answer = client.post("/v1/realtime/client_secrets", json=body)
    secret = ClientSecretCreateResponse.model_validate(answer.json())
    protocols = ["realtime", f"openai-insecure-api-key.{secret.value}"]
    with client.websocket_connect("/v1/realtime", subprotocols=protocols) as socket:
        assert socket.receive_json()["session"]["instructions"] == "Hm."


def test_a_client_secret_needs_no_body(client: TestClient) -> None:
    assert client.post("/v1/realtime/client_secrets").json()["value"].startswith("ek_")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_after": {"seconds": 1}}, "expires_after.seconds"),
        ({"session": {"type": "realtime", "colour": 1}}, "colour"),
        ({"session": {"type": "transcription"}}, "session.type"),
        ({"session": {"type": "realtime", "model": "gpt-9"}}, "model"),
        ({"session": {"type": "realtime", "audio": {"output": {"speed": 9}}}}, "session.audio.output.speed"),
    ],
)
def test_a_client_secret_for_nothing_is_refused(client: TestClient, body: dict[str, object], param: str) -> None:
    answer = client.post("/v1/realtime/client_secrets", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_an_invalid_client_secret_opens_nothing(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/v1/realtime", headers={"authorization": "Bearer ek_x"}),
    ):
        pass
    assert denied.value.status_code == 401


def test_strange_pages_cannot_open_a_conversation(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/v1/realtime", headers={"origin": "https://evil.example"}),
    ):
        pass
    assert denied.value.status_code == 403


def test_strange_pages_cannot_make_it_speak(client: TestClient) -> None:
    answer = client.post("/synthesize", json={"text": "Hi"}, headers={"origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8080", None),
        ("localhost:8080", "http://localhost:3000"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("192.168.1.5:8080", "http://192.168.1.5:8080"),
        ("orchestrator:8080", None),
        ("talk.example.org", "https://talk.example.org"),
        ("a.wild.example", "https://a.wild.example"),
        ("localhost", "https://partner.example"),
    ],
)
def test_own_and_local_names_are_served(host: str, origin: str | None) -> None:
    assert refusal(host, origin, ("talk.example.org", "*.wild.example"), ("https://partner.example",)) is None


@pytest.mark.parametrize(
    ("host", "origin", "code"),
    [
        ("rebound.example:8080", None, "host_not_allowed"),
        ("rebound.example:8080", "http://rebound.example:8080", "host_not_allowed"),
        ("", None, "host_not_allowed"),
        ("[::1", None, "host_not_allowed"),
        ("localhost:8080", "https://evil.example", "origin_not_allowed"),
        ("localhost:8080", "null", "origin_not_allowed"),
        ("localhost:8080", "https://localhost.evil.example", "origin_not_allowed"),
        ("192.168.1.5:8080", "http://192.168.1.6:8080", "origin_not_allowed"),
        ("localhost", "http://[broken", "origin_not_allowed"),
    ],
)
def test_strange_names_and_pages_are_not(host: str, origin: str | None, code: str) -> None:
    error = refusal(host, origin, (), ())
    assert error is not None
    assert error.code == code


def test_local_pages_of_another_port_may_read_the_answers(client: TestClient) -> None:
    answer = client.get("/v1/models", headers={"origin": "http://localhost:3000"})
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


def test_without_a_page_the_server_says_how_to_build_it(client: TestClient) -> None:
    assert "make web" in client.get("/").text


def test_the_page_is_served_with_its_policy(services: Services, page: Path) -> None:
    built(page)
    with TestClient(create_app(services, page), base_url="http://127.0.0.1:8080") as client:
        answer = client.get("/")
        assert "Talk" in answer.text
        policy = answer.headers["content-security-policy"]
        assert "'sha256-abc='" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
        assert answer.headers["cache-control"] == "no-cache"
        assert "immutable" in client.get("/_next/static/app-1f2e.js").headers["cache-control"]


def test_missing_pages_are_pages_and_missing_endpoints_are_errors(services: Services, page: Path) -> None:
    built(page)
    with TestClient(create_app(services, page), base_url="http://127.0.0.1:8080") as client:
        assert "Nothing here" in client.get("/nope").text
        answer = client.get("/v1/nope")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
        assert client.get("/../settings.py").status_code == 404


def test_a_wrong_method_is_an_error_object(client: TestClient) -> None:
    answer = client.get("/synthesize")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


def test_every_operation_is_described_with_its_errors(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    described = [operation for methods in schema["paths"].values() for operation in methods.values()]
    assert len(described) >= 7
    for operation in described:
        assert operation["summary"]
        assert "422" not in operation["responses"]
        assert operation["responses"]["500"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody")
    assert "HTTPValidationError" not in schema["components"]["schemas"]


def test_the_reference_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    for path in ("/synthesize", "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/models/{model_id}"):
        assert path in page
    assert "stream_format" in page
    assert "src=" not in page
    assert "https://" not in page
