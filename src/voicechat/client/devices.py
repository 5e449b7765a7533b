"""The sound card's library, which needs a system library that may be missing."""

from __future__ import annotations

from typing import Any

from voicechat.client.errors import ClientError


def import_sounddevice() -> Any:
    """The module. Raises `ClientError` saying what to install."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise ClientError(
            f"the sound card cannot be used ({error}): install PortAudio (Debian: apt-get install libportaudio2), "
            "or give --input FILE"
        ) from error
    return sounddevice
