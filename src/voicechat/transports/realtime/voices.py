"""Names of voices, as clients give them, to models that can speak."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping

from voicechat.fleet.port import VoiceError, VoiceFleet
from voicechat.transports.realtime.errors import ProtocolError

STOCK_VOICES = frozenset(
    (
        "default",
        "tts-1",
        "tts-1-hd",
        "alloy",
        "ash",
        "ballad",
        "cedar",
        "coral",
        "echo",
        "fable",
        "marin",
        "nova",
        "onyx",
    )
    + ("sage", "shimmer", "verse")
)
"""What stock clients ask for by default; each means the configured voice unless an alias says otherwise."""

CHECK_TIMEOUT_S = 3.0
"""How long the fleet may take to say which voices it has, s."""


class VoiceDirectory:
    """The voices a client may choose: the default under many names, aliases, and models by their id."""

    def __init__(self, fleet: VoiceFleet, default_model: str, aliases: Mapping[str, str]) -> None:
        self._fleet = fleet
        self._default_model = default_model
        self._aliases = aliases

    def expand(self, name: str) -> str:
        """The model that a name stands for; names that stand for nothing else are themselves."""
        if name in self._aliases:
            return self._aliases[name]
        return self._default_model if name in STOCK_VOICES else name

    def names(self) -> list[str]:
        """Every name that `expand` knows."""
        return sorted(STOCK_VOICES | set(self._aliases))

    async def resolve(self, name: str, param: str) -> str:
        """The model of a voice that can speak now. Raises `ProtocolError`, with the remedy, for any other."""
        model_id = self.expand(name)
        if model_id == self._default_model:
            return model_id
        installed = await self._installed(param)
        if installed.get(model_id):
            return model_id
        if model_id in installed:
            raise ProtocolError(
                "voice_not_installed",
                f"the files of voice {model_id!r} are missing; fetch them with `voicechat models pull {model_id}`",
                param,
            )
        raise ProtocolError("voice_not_found", self._unknown(name, list(installed)), param)

    async def _installed(self, param: str) -> dict[str, bool]:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                return {model.id: model.installed for model in await self._fleet.models()}
        except (VoiceError, TimeoutError) as error:
            message = f"voices cannot be looked up while no worker answers ({error or 'timeout'}); try again"
            raise ProtocolError("voice_unavailable", message, param) from error

    def _unknown(self, name: str, models: list[str]) -> str:
        known = self.names() + models
        nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or ["default", *models[:3]]
        return f"there is no voice {name!r}; the nearest are {', '.join(nearest)}"
