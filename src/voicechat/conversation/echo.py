"""The assistant's own words, come back through the microphone."""

from __future__ import annotations

from voicechat.conversation.backchannels import normalised

LEAST_WORDS = 3
"""Fewer words than this are said by chance."""


def is_echo(heard: str, spoken: str) -> bool:
    """Whether what was heard is a stretch of what is being spoken."""
    words = normalised(heard)
    return len(words.split()) >= LEAST_WORDS and f" {words} " in f" {normalised(spoken)} "
