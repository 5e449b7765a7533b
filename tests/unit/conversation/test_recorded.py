from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from voicechat.conversation.fake_conversation import DEFAULT_CONFIG, FakeFactory
from voicechat.conversation.listened import ListenedFactory
from voicechat.conversation.port import ReplyFinished, ReplyStatus, TurnDiscarded, TurnMeasured, UserTranscript
from voicechat.conversation.recorded import TurnWriter
from voicechat.conversation.transcript_log import TranscriptLog

NOON_S = datetime(2026, 5, 4, 12, tzinfo=UTC).timestamp()


class Sink:
    def __init__(self) -> None:
        self.turns: list[Mapping[str, Any]] = []

    def write(self, turn: Mapping[str, Any]) -> None:
        self.turns.append(turn)


def finished(reply_id: str, text: str, status: ReplyStatus = ReplyStatus.COMPLETED) -> ReplyFinished:
    return ReplyFinished(reply_id, f"item-{reply_id}", status, "", text, audio_ms=900)


def test_a_turn_is_the_words_and_the_reply_to_them() -> None:
    sink = Sink()
    writer = TurnWriter(sink, "conv_1")
    writer.hear(UserTranscript("i1", "What is", is_final=False))
    writer.hear(UserTranscript("i1", "What is it?", is_final=True))
    writer.hear(UserTranscript("i2", "mm-hm", is_final=True))
    writer.hear(TurnDiscarded("i2"))
    writer.hear(TurnMeasured("r1", {"total": 640.4}))
    writer.hear(finished("r1", "A ship."))
    writer.typed("Go on.")
    writer.hear(finished("r2", "It", ReplyStatus.CANCELLED))
    writer.hear(UserTranscript("i3", "Wait.", is_final=True))
    writer.end()
    common = {"conversation": "conv_1", "audio_ms": 900, "latency_ms": {}}
    assert sink.turns == [
        {**common, "turn": 1, "user": "What is it?", "assistant": "A ship.", "status": "completed"}
        | {"latency_ms": {"total": 640}},
        {**common, "turn": 2, "user": "Go on.", "assistant": "It", "status": "cancelled"},
        {**common, "turn": 3, "user": "Wait.", "assistant": "", "status": "unanswered", "audio_ms": 0},
    ]


async def test_a_recorded_conversation_is_the_conversation() -> None:
    sink, inner = Sink(), FakeFactory()
    conversation = await ListenedFactory(inner, lambda: TurnWriter(sink)).open(DEFAULT_CONFIG)
    conversation.add_text("user", "Hello.")
    assert [item.text for item in conversation.history] == ["Hello."]
    await conversation.aclose()
    assert [turn["user"] for turn in sink.turns] == ["Hello."]


def test_lines_go_to_a_file_of_the_day_that_only_its_owner_reads(tmp_path: Path) -> None:
    log = TranscriptLog(tmp_path / "log", 30, lambda: NOON_S)
    log.write({"turn": 1, "user": "Grüß dich", "assistant": "\n"})
    log.write({"turn": 2})
    log.close()
    path = tmp_path / "log" / "conversations-2026-05-04.jsonl"
    assert [json.loads(line)["turn"] for line in path.read_text().splitlines()] == [1, 2]
    assert json.loads(path.read_text().splitlines()[0])["at"] == "2026-05-04T12:00:00.000+00:00"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_files_go_when_their_time_is_over(tmp_path: Path) -> None:
    for name, age_days in (("conversations-old.jsonl", 31), ("conversations-new.jsonl", 29), ("mine.txt", 99)):
        (tmp_path / name).write_text("{}")
        at_s = NOON_S - age_days * 86_400
        os.utime(tmp_path / name, (at_s, at_s))
    log = TranscriptLog(tmp_path, 30, lambda: NOON_S)
    log.sweep()
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conversations-new.jsonl", "mine.txt"]


def test_a_file_that_another_process_deletes_meanwhile_does_not_end_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = TranscriptLog(tmp_path, 30, lambda: NOON_S)
    log.close()
    old = tmp_path / "conversations-old.jsonl"
    old.write_text("{}")
    os.utime(old, (0, 0))
    gone = tmp_path / "conversations-gone.jsonl"
    monkeypatch.setattr(Path, "glob", lambda _self, _pattern: iter([gone, old]))
    log.sweep()
    assert not old.exists()


def test_a_disk_that_cannot_be_written_loses_the_line_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = TranscriptLog(tmp_path / "file" / "log", 30)
    log.write({"turn": 1})
    log.close()
