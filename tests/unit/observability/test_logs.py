from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from voicechat.observability.logs import configure_logging
from voicechat.settings import LoggingSettings, LogLevel


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    configure_logging(LoggingSettings(json_lines=True), "worker", stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_service_level_and_fields(out: io.StringIO) -> None:
    structlog.get_logger("voicechat.tts").info("loaded", model="joe")
    (line,) = lines(out)
    assert (line["event"], line["model"], line["service"], line["level"]) == ("loaded", "joe", "worker", "info")
    assert line["logger"] == "voicechat.tts"


def test_libraries_speak_through_the_same_handler(out: io.StringIO) -> None:
    logging.getLogger("livekit.agents").warning("lost %s", "a frame", extra={"count": 3})
    (line,) = lines(out)
    assert (line["event"], line["count"], line["service"]) == ("lost a frame", 3, "worker")


@pytest.mark.parametrize("library", ["httpx", "httpx2", "httpcore2"])
def test_requests_to_the_language_model_are_not_told_one_by_one(out: io.StringIO, library: str) -> None:
    logging.getLogger(library).info("HTTP Request: GET ...")
    assert lines(out) == []


def test_lines_carry_the_session_that_they_belong_to(out: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(session="s1", turn=2):
        structlog.get_logger("voicechat").info("ours")
        logging.getLogger("grpc").warning("theirs")
    assert [(line["session"], line["turn"]) for line in lines(out)] == [("s1", 2), ("s1", 2)]


def test_configuring_twice_writes_each_line_once(out: io.StringIO) -> None:
    configure_logging(LoggingSettings(json_lines=True), "worker", out)
    structlog.get_logger("voicechat").info("once")
    assert len(lines(out)) == 1


def test_a_library_handler_does_not_double_its_lines() -> None:
    stream = io.StringIO()
    library = logging.getLogger("uvicorn.error")
    library.addHandler(logging.StreamHandler(stream))
    # A server that ran in this process may have left another level.
    library.setLevel(logging.INFO)
    configure_logging(LoggingSettings(json_lines=True), "worker", stream)
    library.info("started")
    assert [line["event"] for line in lines(stream)] == ["started"]


def test_secrets_are_never_written(out: io.StringIO) -> None:
    structlog.get_logger("voicechat").info("asked", key=SecretStr("a1b2c3"), nested={"api_key": "a1b2c3"})
    logging.getLogger("openai").warning("refused", extra={"authorization": "Bearer a1b2c3", "password": "a1b2c3"})
    assert "a1b2c3" not in out.getvalue()


TOKEN = "vc-0123456789ab-" + "S3cr3t_-" * 5 + "abc"
PLACES = st.sampled_from(
    ["{}", "key {} refused", "Authorization: Bearer {}", "ek_{}", "GET /x?api_key={}&y=1", "redis://:{}@h:1/0"]
)


@given(place=PLACES, text=st.text(), as_json=st.booleans(), depth=st.integers(0, 3))
def test_a_token_is_never_written_wherever_it_stands(place: str, text: str, as_json: bool, depth: int) -> None:
    stream = io.StringIO()
    configure_logging(LoggingSettings(json_lines=as_json), "worker", stream)
    value: Any = text + " " + place.format(TOKEN)
    for _ in range(depth):
        value = {"field": [value]}
    structlog.get_logger("voicechat").warning(place.format(TOKEN), detail=value)
    logging.getLogger("openai").warning("%s", value)
    try:
        raise ValueError(place.format(TOKEN))
    except ValueError:
        logging.getLogger("grpc").exception("failed")
    assert TOKEN.removeprefix("vc-0123456789ab-") not in stream.getvalue()
    if as_json:
        assert len(lines(stream)) == 3


@given(secret=st.from_regex(r"[!-~]{12}[ -~]{0,20}[!-~]{12}", fullmatch=True))
def test_a_configured_secret_is_never_written_whatever_it_is(secret: str) -> None:
    stream = io.StringIO()
    configure_logging(LoggingSettings(json_lines=True), "worker", stream, secrets=["none", secret])
    structlog.get_logger("voicechat").warning("asked", detail=f"<<{secret}>>")
    (line,) = lines(stream)
    assert line["detail"] == "<<**********>>"


def test_what_people_say_is_written_only_when_asked_for(out: io.StringIO) -> None:
    def speak() -> None:
        logging.getLogger("livekit.agents").warning("received", extra={"user_transcript": "my address is"})
        structlog.get_logger("voicechat").warning("turn", nested={"text": "my address is"})

    speak()
    assert "my address" not in out.getvalue()
    configure_logging(LoggingSettings(json_lines=True, transcripts=True), "worker", out)
    speak()
    assert out.getvalue().count("my address") == 2


def test_a_traceback_shows_no_local_variables(out: io.StringIO) -> None:
    def fail(key: str) -> None:
        raise ValueError("no")

    try:
        fail("a1b2" + "c3")
    except ValueError:
        structlog.get_logger("voicechat").exception("failed")
    assert "a1b2c3" not in out.getvalue()
    assert lines(out)[0]["exception"][0]["exc_type"] == "ValueError"


def test_lines_below_the_level_are_dropped(out: io.StringIO) -> None:
    configure_logging(LoggingSettings(json_lines=True, level=LogLevel.WARNING), "worker", out)
    structlog.get_logger("voicechat").info("quiet")
    logging.getLogger("livekit").info("quiet")
    assert lines(out) == []


def test_text_is_for_people() -> None:
    stream = io.StringIO()
    configure_logging(LoggingSettings(json_lines=False), "worker", stream)
    structlog.get_logger("voicechat").info("loaded", model="joe")
    assert "loaded" in stream.getvalue()
    assert "model=joe" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
