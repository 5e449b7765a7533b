"""Conversations as the terminal shows them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from rich.console import Console

from voicechat.client.realtime import TimedEvent
from voicechat.client.report import CallReport
from voicechat.client.talk import TalkOptions, talk, utterances

YOU, ASSISTANT = "[bold cyan]you[/]      ", "[bold green]assistant[/]"


class LiveTranscript:
    """Prints each side's words when they are complete."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, event: TimedEvent) -> None:
        """Take the next event."""
        match event.type:
            case "conversation.item.input_audio_transcription.completed":
                self._line(YOU, event.event["transcript"])
            case "response.output_audio_transcript.done":
                self._line(ASSISTANT, event.event["transcript"])
            case "error":
                self._line("[bold red]error[/]    ", event.event["error"].get("message", ""))

    def _line(self, who: str, text: str) -> None:
        if text.strip():
            self._console.print(who, end=" ")
            self._console.print(text.strip(), markup=False, highlight=False, soft_wrap=True)


def talk_with_recording(options: TalkOptions, recording: Path, *, one_at_a_time: bool, as_json: bool) -> CallReport:
    """Say a recording and show what comes of it. Raises `AudioError` and `ClientError`."""
    console = Console()
    spoken = utterances(recording, one_at_a_time=one_at_a_time)
    if as_json:
        report = asyncio.run(talk(options, spoken))
        print(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        report = asyncio.run(talk(options, spoken, LiveTranscript(console).show))
        _summarise(report, console)
    return report


def talk_aloud_here(url: str, key: str | None) -> None:
    """Talk through the sound card until Ctrl-C. Raises `ClientError`."""
    from voicechat.client.devices import import_sounddevice

    import_sounddevice()
    from voicechat.client.soundcard import talk_aloud

    console = Console()
    console.print("Talk. Interrupt it whenever you like. Ctrl-C ends the conversation.")
    asyncio.run(talk_aloud(url, key, LiveTranscript(console).show))


def _summarise(report: CallReport, console: Console) -> None:
    errors = Console(stderr=True)
    for error in report.errors:
        errors.print(f"voicechat: {error}", markup=False, soft_wrap=True)
    if not any(turn.user for turn in report.turns):
        console.print("no speech was recognised")
        return
    for number, turn in enumerate(map(report.turn, report.turns), 1):
        first_ms = turn["latency_ms"].get("first_audio")
        waited = "" if first_ms is None else f", first heard after {first_ms:.0f} ms"
        cut = ", interrupted" if turn["interrupted"] else ""
        console.print(f"turn {number}: {turn['audio_ms'] / 1000:.1f} s of reply{waited}{cut}", style="dim")
