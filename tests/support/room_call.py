"""`python -m support.room_call URL RECORDING`: a person in a room says it, and prints what came of it as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from support.room_caller import RATE_HZ, caller, details

from voicechat.audio.resample import resample
from voicechat.audio.wav import read_audio


async def hold(url: str, recording: Path) -> dict[str, str | float]:
    """Ask, hear the answer to its end, and leave."""
    ticket = details(url)
    async with caller(ticket["serverUrl"], ticket["participantToken"]) as person:
        await person.until(lambda: "listening" in person.states)
        await person.say(resample(*read_audio(recording), RATE_HZ))
        await person.until(lambda: person.told("voicechat.reply", status="completed"), 60)
        await person.until_silent()
        return {
            "user": person.said(person.identity),
            "assistant": person.said(person.agents[0].identity),
            "heard_s": sum(pcm.size for pcm in person.sound) / RATE_HZ,
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(hold(sys.argv[1], Path(sys.argv[2])))))
