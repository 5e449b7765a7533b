"""The ears as a conversation meets them: shared models, one stream per conversation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voicechat.asr.slack import VoiceSlack

EARS_RATE_HZ = 16_000
"""Sample rate of everything that is recognised."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A recognised word, its place in the utterance, and how likely the model holds it."""

    text: str
    start_s: float
    end_s: float
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in one utterance. Empty text: nothing worth a turn.

    Until it is final its words may change. `is_speculative`: it was made in a pause; if only quiet follows, the final
    one has these words.
    """

    text: str
    language: str
    audio_s: float
    compute_s: float
    words: tuple[HeardWord, ...] = ()
    is_final: bool = True
    no_speech_prob: float = 0.0
    is_speculative: bool = False


class EarsError(Exception):
    """Recognition failed; the text says what to do."""


class UnknownLanguageError(EarsError):
    """The model does not know the language that was asked for."""


class RecognitionStream(Protocol):
    """The utterances of one conversation, each fed as it is spoken and closed by `flush`."""

    def push(self, pcm: npt.NDArray[np.int16]) -> None:
        """Take more of the current utterance: int16, mono, `EARS_RATE_HZ`. Never blocks; memory is bounded."""

    def flush(self) -> None:
        """Close the utterance: exactly one final `Transcript` follows, empty text included."""

    def clear(self) -> None:
        """Forget the current utterance; nothing follows for it."""

    async def aclose(self) -> None:
        """End the stream; iteration stops."""

    def __aiter__(self) -> AsyncIterator[Transcript]:
        """Interim and final transcripts in order. Raises `EarsError`."""


class Ears(Protocol):
    """Loaded recognition models, shared by every conversation of a process."""

    slack: VoiceSlack
    """Told of every reply that is being spoken: while one is short of audio, nothing is decoded on a guess."""

    def stream(self, language: str | None = None) -> RecognitionStream:
        """Begin listening. `language` is BCP 47; None: the configured one."""

    async def transcribe(
        self, pcm: npt.NDArray[np.int16], language: str | None = None, *, words: bool = False
    ) -> Transcript:
        """Recognise a whole recording of any length: int16, mono, `EARS_RATE_HZ`. Raises `EarsError`."""

    async def aclose(self) -> None:
        """Release the models."""
