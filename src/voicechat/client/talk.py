"""A conversation with recordings for a microphone: said in real time, answered, and written down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.audio.wav import AudioError, read_audio
from voicechat.client.errors import one_error
from voicechat.client.microphone import ScriptedMicrophone
from voicechat.client.moving import hold_call
from voicechat.client.playout import RATE_HZ, PlayoutBuffer, play_in_real_time
from voicechat.client.realtime import EventSink, TimedEvent, open_realtime
from voicechat.client.report import CallReport
from voicechat.client.turns import TurnLog
from voicechat.client.voiced import split_turns

MAX_INPUT_S = 3600.0
QUIET_S = 1.5
POLL_S = 0.05


def _ignore(_: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class TalkOptions:
    """How to talk.

    Attributes:
        url: Of the server, as `Address` takes it.
        output: Where to write what was heard; None: nowhere.
        timeout_s: How long a reply may take to end once everything has been said.
        key: The API key to show; None: none.
    """

    url: str
    output: Path | None = None
    timeout_s: float = 60.0
    key: str | None = None


def utterances(recording: Path, *, one_at_a_time: bool) -> list[Pcm16]:
    """What to say, at `RATE_HZ`: all of the file, or its utterances, each to wait for the reply to the one before it.

    Raises `AudioError` when the file cannot be used.
    """
    if not recording.exists():
        raise AudioError(f"{recording} does not exist: give the path of a recording")
    pcm = resample(*read_audio(recording, max_s=MAX_INPUT_S), RATE_HZ)
    return split_turns(pcm, RATE_HZ) if one_at_a_time else [pcm]


async def talk(options: TalkOptions, spoken: Sequence[Pcm16], on_event: EventSink = _ignore) -> CallReport:
    """Say `spoken` and listen until the last reply has been heard.

    A reply that does not end in time is an error of the report. Raises `ClientError` when the server cannot be reached
    or goes away; what was heard until then is in the output file.
    """
    with recorder(options.output) as sink, one_error():
        async with open_realtime(options.url, options.key) as client:
            began_s = asyncio.get_running_loop().time()
            call = RecordedCall(ScriptedMicrophone(began_s), PlayoutBuffer(), TurnLog())
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(hold_call(client, call.microphone, call.playout, _both(call.log, on_event))),
                    group.create_task(play_in_real_time(call.playout, sink, began_s)),
                ]
                await call.say_all(spoken, options.timeout_s)
                for task in tasks:
                    task.cancel()
            return CallReport(call.log, call.microphone, call.playout)


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call whose microphone is a script."""

    microphone: ScriptedMicrophone
    playout: PlayoutBuffer
    log: TurnLog

    async def say_all(self, spoken: Sequence[Pcm16], timeout_s: float) -> None:
        """Say each part once the reply to the one before it has been heard to its end."""
        for part in spoken:
            self.microphone.say(part)
            await self.microphone.said()
            if not await self._reply_heard(timeout_s):
                self.log.errors.append(f"no reply came to its end within {timeout_s:g} s: see the server's log")
                return

    async def _reply_heard(self, timeout_s: float) -> bool:
        """Wait until nobody has had anything to say for `QUIET_S`; whether that came in time."""
        now = asyncio.get_running_loop().time
        deadline_s = now() + timeout_s
        busy_s = now()
        while now() - busy_s < QUIET_S:
            if now() > deadline_s:
                return False
            await asyncio.sleep(POLL_S)
            if self.log.busy or self.playout.waiting_ms > 0:
                busy_s = now()
        return True


@contextlib.contextmanager
def recorder(output: Path | None) -> Iterator[Callable[[Pcm16], None]]:
    """Where what is heard goes: a WAV file, or nowhere. Raises `AudioError` when the file cannot be written."""
    if output is None:
        yield _ignore
        return
    try:
        file = soundfile.SoundFile(output, "w", RATE_HZ, 1, "PCM_16", format="WAV")
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"cannot write {output}: {error}") from error
    with file:
        yield file.write


def _both(log: TurnLog, on_event: EventSink) -> EventSink:
    def take(event: TimedEvent) -> None:
        log.add(event.event)
        on_event(event)

    return take
