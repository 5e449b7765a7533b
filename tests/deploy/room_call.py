"""A person calls through LiveKit and asks a question; a process of its own, as its TLS trusts another authority."""

from __future__ import annotations

import asyncio
import json
import sys

import numpy as np
from support.room_caller import QUIET_DBFS, RATE_HZ, caller
from support.speech import prompt

from voicechat.audio.pcm import rms_dbfs
from voicechat.audio.resample import resample

QUESTION = "conf-onlyone"
WINDOW = RATE_HZ // 50


async def call(url: str, token: str) -> dict[str, float]:
    """Enter, ask, and wait until the reply has been heard."""
    async with caller(url, token) as person:
        await person.until(lambda: "listening" in person.states)
        await person.say(np.pad(resample(*prompt(QUESTION), RATE_HZ), (0, RATE_HZ)))
        await person.until(lambda: person.told("voicechat.turn"), timeout_s=60)
        await person.until(lambda: person.states[-1] == "listening", timeout_s=60)
        windows = (person.heard[start : start + WINDOW] for start in range(0, person.heard.size, WINDOW))
        return {"heard_s": sum(rms_dbfs(window) > QUIET_DBFS for window in windows) * WINDOW / RATE_HZ}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(call(sys.argv[1], sys.argv[2]))))
