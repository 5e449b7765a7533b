"""The assistant's own words, come back through the microphone."""

from __future__ import annotations

from difflib import SequenceMatcher

from voicechat.conversation.backchannels import normalised

LEAST_WORDS = 3
"""Fewer words than this are said by chance."""
SAME_WORDS = 0.75
"""Share of the words that must be the reply's, in its order: an echo is faint, and faint words are misheard."""
SPREAD = 1.5
"""Times as many words of the reply as were heard may lie between the first and the last that match."""


def is_echo(heard: str, spoken: str) -> bool:
    """Whether what was heard is a stretch of what is being spoken, a word in four misheard at most."""
    words, reply = normalised(heard).split(), normalised(spoken).split()
    if len(words) < LEAST_WORDS:
        return False
    blocks = SequenceMatcher(None, words, reply, autojunk=False).get_matching_blocks()[:-1]
    if not blocks:
        return False
    same = sum(block.size for block in blocks)
    span = blocks[-1].b + blocks[-1].size - blocks[0].b
    return same >= SAME_WORDS * len(words) and span <= SPREAD * len(words)
