"""Recordings of a person: the prompts that Debian ships for telephone systems, with the words spoken in each.

They are CC BY-SA and come as packages; `PACKAGES` names them.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from voicechat.audio.pcm import Pcm16

PACKAGES = ("asterisk-core-sounds-en", "asterisk-core-sounds-en-g722", "asterisk-moh-opsound-g722")
PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
PROMPT_WORDS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
MUSIC = Path("/usr/share/asterisk/moh")

_LINE = re.compile(r"([\w/-]+): (.+)")
_ANNOTATION = re.compile(r"\[[^]]*\]|\([^)]*\)|<[^>]*>")
"""What the list tells of a sound without it being said: "[descending tones]", "(10 seconds of silence)"."""


class PromptsMissing(Exception):
    """The recordings are not on this machine; the text names what to install."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a person said, and where its recording is."""

    name: str
    words: str
    path: Path

    @property
    def seconds(self) -> float:
        """Length of the recording: G.722 has a byte for two samples."""
        return self.path.stat().st_size / 8000

    def audio(self) -> Pcm16:
        """The recording: int16, mono, 16 kHz."""
        return read_g722(self.path)


def prompts() -> list[Prompt]:
    """Every prompt with words, by name. Raises `PromptsMissing`."""
    if not PROMPT_WORDS.exists() or not PROMPTS.exists():
        raise PromptsMissing(f"the recordings are missing: sudo apt-get install {' '.join(PACKAGES)}")
    found = ((name, PROMPTS / f"{name}.g722", words) for name, words in sorted(prompt_words().items()))
    return [Prompt(name, words, path) for name, path, words in found if path.exists()]


def prompt_words() -> dict[str, str]:
    """The words of each prompt, by name; sounds without words are left out."""
    with gzip.open(PROMPT_WORDS, "rt", encoding="utf-8") as file:
        lines = (match for line in file if (match := _LINE.match(line)))
        said = {line[1]: _ANNOTATION.sub(" ", line[2]).strip() for line in lines}
    return {name: words for name, words in said.items() if any(map(str.isalnum, words))}


def read_g722(path: Path) -> Pcm16:
    """Decode a headerless G.722 file: int16, mono, 16 kHz."""
    with av.open(str(path), format="g722") as file:
        frames = [frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)]
    return np.concatenate(frames).astype(np.int16)
