"""Whisper through CTranslate2, on windows no longer than the speech needs.

The encoder dominates: a window of 12 s costs a quarter of Whisper's 30 s. Models of this family were trained on 30 s,
and lose their way on much less: with no timestamps, or with half a second of padding, they repeat themselves. 12 s and
more with timestamps, padded after the features rather than in the audio, hear what the full window hears; a hypothesis
in doubt is decoded anew on the full window. Measured: docs/guides/ears.md.

Reading on after the last timestamp is the paper's long-form decoding (Radford et al. 2022, section 3.8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from voicechat.asr.agreement import UNSPACED
from voicechat.asr.doubt import Hypothesis, is_doubtful, is_loop, is_made_up, token_cap
from voicechat.asr.engines.port import Placement, Recognition
from voicechat.asr.engines.whisper_model import BEAM, language_code, load_whisper
from voicechat.asr.levels import voiced_span
from voicechat.asr.port import EARS_RATE_HZ, HeardWord
from voicechat.audio.pcm import Pcm16, to_float

FULL_WINDOW_S = 30.0
SHORT_WINDOW_S = 12.0
"""The shortest window that was safe on recordings of people."""
WINDOW_MARGIN_S = 1.0
"""Room that the window leaves after the speech, so that its end is heard as an end."""
FRAMES_PER_SECOND = 100
TIMESTAMP_STEP_S = 0.02
LATEST_START_S = 1.0
SHORTEST_S = 0.1
REREAD_S = 1.5
"""Audio left over after the last timestamp that is worth reading on for."""
REREAD_MORE_S = 0.5
"""The same where the decoder tells that there is more: the margin after the voice, and a short word."""

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Reading:
    """One window as it was read: text tokens, and where the next reading should begin, seconds (None: at its end)."""

    hypothesis: Hypothesis
    tokens: tuple[int, ...]
    read_until_s: float | None
    encoded: Any


class WhisperEngine:
    """A Whisper model in memory. Calls may come from several threads; CTranslate2 runs them one after another."""

    longest_s = 28.0

    def __init__(self, directory: Path, placement: Placement) -> None:
        self._whisper = load_whisper(directory, placement)
        self._model: Any = self._whisper.model
        self._multilingual = bool(self._model.is_multilingual)
        self._name = directory.name

    def language_code(self, language: str | None) -> str | None:
        """Whisper's two-letter code. Raises `UnknownLanguageError`."""
        return language_code(self._whisper, self._name, language)

    def recognise(self, pcm: Pcm16, language: str | None, *, words: bool = False) -> Recognition:
        """Recognise up to 28 s; silence, noise and repetition give empty text."""
        start, end = voiced_span(pcm)
        if end - start < SHORTEST_S * EARS_RATE_HZ:
            return Recognition("", language or "en")
        texts: list[str] = []
        found: list[HeardWord] = []
        no_speech_prob = 0.0
        while end - start >= SHORTEST_S * EARS_RATE_HZ:
            rest = pcm[start:end]
            tokenizer, reading = self._read(rest, language)
            language = tokenizer.language_code
            if is_made_up(reading.hypothesis):
                break
            texts.append(reading.hypothesis.text)
            no_speech_prob = max(no_speech_prob, reading.hypothesis.no_speech_prob)
            if words:
                found += self._align(reading, tokenizer, rest.size, start / EARS_RATE_HZ)
            if reading.read_until_s is None:
                break
            start += int(reading.read_until_s * EARS_RATE_HZ)
        return Recognition(" ".join(texts), language or "en", tuple(found), no_speech_prob)

    def _read(self, pcm: Pcm16, language: str | None) -> tuple[Tokenizer, _Reading]:
        """Read a window, the full one where the short one leaves doubt; a loop is worth no more than the doubt."""
        features, audio_s = self._features(pcm)
        window_s = short_window_s(audio_s)
        encoded = self._encode(features, window_s)
        tokenizer = self._tokenizer(language or self._detect(encoded))
        reading = self._decode(encoded, tokenizer, audio_s)
        if is_doubtful(reading.hypothesis) and not _is_silence(reading.hypothesis) and window_s < FULL_WINDOW_S:
            second = self._decode(self._encode(features, FULL_WINDOW_S), tokenizer, audio_s)
            reading = reading if is_loop(second.hypothesis) else second
        return tokenizer, reading

    def _features(self, pcm: Pcm16) -> tuple[Features, float]:
        return self._whisper.feature_extractor(to_float(pcm)), pcm.size / EARS_RATE_HZ

    def _encode(self, features: Features, window_s: float) -> Any:
        frames = math.ceil(window_s * FRAMES_PER_SECOND / 2) * 2
        window = np.zeros((1, features.shape[0], frames), np.float32)
        width = min(frames, features.shape[1])
        window[0, :, :width] = features[:, :width]
        return self._model.encode(ctranslate2.StorageView.from_array(window))

    def _detect(self, encoded: Any) -> str:
        if not self._multilingual:
            return "en"
        token: str = self._model.detect_language(encoded)[0][0][0]
        return token.strip("<|>")

    def _tokenizer(self, language: str) -> Tokenizer:
        return Tokenizer(self._whisper.hf_tokenizer, self._multilingual, task="transcribe", language=language)

    def _decode(self, encoded: Any, tokenizer: Tokenizer, audio_s: float) -> _Reading:
        cap = min(token_cap(audio_s), self._whisper.max_length // 2)
        result = self._model.generate(
            encoded,
            [list(tokenizer.sot_sequence)],
            beam_size=BEAM,
            # CTranslate2 writes half as many tokens as this, at most.
            max_length=2 * cap,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            max_initial_timestamp_index=round(LATEST_START_S / TIMESTAMP_STEP_S),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = result.sequences_ids[0]
        text, read_until_s = _split(tokens, tokenizer, audio_s)
        hypothesis = Hypothesis(
            text=tokenizer.decode(tokens).strip(),
            avg_logprob=float(result.scores[0]) * len(tokens) / (len(tokens) + 1),
            no_speech_prob=float(result.no_speech_prob),
            truncated=len(tokens) >= cap,
            unfinished=read_until_s is not None,
        )
        return _Reading(hypothesis, text, read_until_s, encoded)

    def _align(self, reading: _Reading, tokenizer: Tokenizer, samples: int, offset_s: float) -> list[HeardWord]:
        """Times of the words by the decoder's attention."""
        frames = samples * FRAMES_PER_SECOND // EARS_RATE_HZ
        aligned = self._whisper.find_alignment(tokenizer, [list(reading.tokens)], reading.encoded, frames)[0]
        words: list[HeardWord] = []
        for part in aligned:
            text, end_s = part["word"].strip(), offset_s + float(part["end"])
            if text and words and _continues(part["word"], tokenizer.language_code):
                words[-1] = replace(words[-1], text=words[-1].text + text, end_s=end_s)
            elif text:
                words.append(HeardWord(text, offset_s + float(part["start"]), end_s, float(part["probability"])))
        return words


def short_window_s(audio_s: float) -> float:
    """The window that so much speech is read in first."""
    return min(FULL_WINDOW_S, max(SHORT_WINDOW_S, audio_s + WINDOW_MARGIN_S))


def _continues(part: str, language: str) -> bool:
    """Whether an aligned part belongs to the word before it: punctuation does, and "-entered" after "re"."""
    return not any(map(str.isalnum, part)) or (language not in UNSPACED and not part.startswith(" "))


def _is_silence(hypothesis: Hypothesis) -> bool:
    """Whether a second look would only confirm that nobody spoke."""
    return is_made_up(replace(hypothesis, text="x", truncated=False))


def _split(tokens: list[int], tokenizer: Tokenizer, audio_s: float) -> tuple[tuple[int, ...], float | None]:
    """The text tokens, and the last timestamp where speech is left after it.

    Two timestamps at the end, of a segment that ends and one that begins, tell that there is more.
    """
    text = tuple(token for token in tokens if token < tokenizer.eot)
    stamps = [
        (token - tokenizer.timestamp_begin) * TIMESTAMP_STEP_S for token in tokens if token > tokenizer.no_timestamps
    ]
    last_s = stamps[-1] if stamps else audio_s
    goes_on = len(tokens) > 1 and min(tokens[-2:]) > tokenizer.no_timestamps
    left_s = REREAD_MORE_S if goes_on else REREAD_S
    return text, last_s if SHORTEST_S < last_s < audio_s - left_s else None
