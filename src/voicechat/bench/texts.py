"""What is spoken in the benchmarks. Durations are those of en_US-joe-medium at its own pace, about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence; `id` names it in reports."""

    id: str
    text: str


SHORT = Sentence("short", "The last train to the coast leaves at nine from the second platform.")
"""3.4 s."""

PLAIN = Sentence(
    "long-plain",
    "The small boat that my brother built last summer drifted slowly past the old stone bridge and the quiet gardens "
    "on the far side of the river until it came to rest.",
)
"""8.3 s, with no clause to cut at."""

CLAUSES = Sentence(
    "long-clauses",
    "When the rain had stopped, we walked down to the harbour, where the fishermen were mending their nets, and asked "
    "them whether the boats would go out before the evening, or stay until the morning.",
)
"""9 s, whose first clause takes 1.4 s."""

SENTENCES = (SHORT, PLAIN, CLAUSES)

REPLIES = (
    "Yes, that works.",
    SHORT.text,
    "There are three ways to get there, and the quickest one takes about twenty minutes on foot.",
    "I looked it up for you. The museum opens at ten, closes at six, and is free on the first Sunday of the month.",
    PLAIN.text,
    "Sure! Put the flour and the butter into a bowl, rub them together until they look like crumbs, add the sugar, and "
    "then just enough cold water to hold it together.",
    "It will be cloudy in the morning with some light rain around noon. After that it should clear up.",
    CLAUSES.text,
    "No, I do not think so.",
    "The short answer is that nobody knows. The long answer is that people have argued about it for two hundred years "
    "and that each of them was sure of something different.",
)
"""Replies of an assistant, 1 to 11 s long."""
