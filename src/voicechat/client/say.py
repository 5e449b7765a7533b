"""Text to a sound file, through a running server."""

from __future__ import annotations

from pathlib import Path

import httpx
import soundfile

from voicechat.audio.pcm import Pcm16
from voicechat.audio.wav import AudioError, read_audio, write_wav
from voicechat.client.errors import ClientError
from voicechat.client.realtime import key_header

CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 60.0


class ServerUnreachable(ClientError):
    """Nobody answers at the address."""


async def say(url: str, text: str, voice: str, output: Path, key: str | None = None) -> float:
    """Have the server at `url`, shown `key`, speak `text` into the WAV file `output`; returns its length, s.

    Raises as `speech_of` does, and `AudioError`.
    """
    return save_speech(*await speech_of(url, text, voice, key), output)


async def speech_of(url: str, text: str, voice: str, key: str | None = None) -> tuple[Pcm16, int]:
    """What the server at `url`, shown `key`, makes of `text`, and its sample rate.

    Raises `ServerUnreachable`, or `ClientError` with the server's reason when it refuses.
    """
    body = {"text": text, **({"model": voice} if voice else {})}
    timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    try:
        async with httpx.AsyncClient(timeout=timeout, headers=key_header(key)) as client:
            answer = await client.post(f"{url.rstrip('/')}/synthesize", json=body)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ServerUnreachable(f"no server answers at {url}: start one with `voicechat up`") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ClientError(f"{url} cannot be asked ({error or type(error).__name__})") from error
    if answer.status_code != httpx.codes.OK:
        raise ClientError(_refusal(answer))
    return read_audio(answer.content)


def save_speech(pcm: Pcm16, rate_hz: int, output: Path) -> float:
    """Write a WAV file; returns its length, s. Raises `AudioError`."""
    try:
        write_wav(output, pcm, rate_hz)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"cannot write {output}: {error}") from error
    return pcm.size / rate_hz


def _refusal(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server refused with HTTP {answer.status_code}"
