"""What the mind is told of the conversation so far, bounded in tokens.

Instructions stay, then come the newest whole turns that fit. A turn begins where the person speaks and holds everything
up to the next such place. A tool call and its output stay or go together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

from livekit.agents.llm import ChatContext, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput

ITEM_OVERHEAD_TOKENS = 6
"""What chat templates put around an item: role and delimiters."""
IMAGE_TOKENS = 800
"""Charged for a picture or a recording, whose price only the server knows."""
ELLIPSIS = " … "

CountTokens = Callable[[str], int]
_PLAIN = re.compile("[A-Za-z ]+")
MAX_TOKEN_CHARS = 16
"""No text is shorter in tokens than a token for this many characters, but for runs that say nothing."""


def estimate_tokens(text: str) -> int:
    """More tokens than any common tokenizer makes of `text`, rarely twice as many.

    One for every 3 ASCII letters and spaces, one for every other ASCII character, one for every byte of all others:
    byte-pair vocabularies average 4 letters a token, split digits and punctuation, and fall back to bytes.
    """
    plain = len(text) - len(_PLAIN.sub("", text))
    return -(-plain // 3) + len(text.encode("utf-8", "surrogatepass")) - plain


def item_tokens(item: ChatItem, count: CountTokens = estimate_tokens) -> int:
    """What an item of the history costs."""
    if isinstance(item, ChatMessage):
        parts = (count(part) if isinstance(part, str) else IMAGE_TOKENS for part in item.content)
        return ITEM_OVERHEAD_TOKENS + sum(parts)
    if isinstance(item, FunctionCall):
        return ITEM_OVERHEAD_TOKENS + count(item.name) + count(item.arguments)
    if isinstance(item, FunctionCallOutput):
        return ITEM_OVERHEAD_TOKENS + count(item.output)
    return 0


def bound_history(context: ChatContext, budget: int, count: CountTokens = estimate_tokens) -> ChatContext:
    """A copy of `context` that costs at most `budget` tokens, as `count` counts them.

    Instructions are shortened only beyond half of the budget, the newest turn only where it alone passes the rest: its
    tool calls that do not fit go, oldest first, then its longest texts lose their middle. `context` is left as it is.
    """
    instructions = list(takewhile(_is_instruction, context.items))
    spoken = context.items[len(instructions) :]
    kept_instructions = _shortened(instructions, budget // 2, count) if spoken else instructions
    rest = budget - _cost(kept_instructions, count)
    return ChatContext([*kept_instructions, *_newest(spoken, rest, count)])


def join_neighbours(context: ChatContext) -> ChatContext:
    """A copy in which messages of one speaker in a row are one.

    Many chat templates want user and assistant to alternate, and llama.cpp refuses two replies at the end.
    """
    joined: list[ChatItem] = []
    for item in context.items:
        if joined and _same_speaker(joined[-1], item):
            joined[-1] = _with_text(joined[-1], f"{_text(joined[-1])}\n{_text(item)}")
        else:
            joined.append(item)
    return ChatContext(joined)


def _same_speaker(one: ChatItem, other: ChatItem) -> bool:
    if not (isinstance(one, ChatMessage) and isinstance(other, ChatMessage)):
        return False
    return one.role == other.role and one.role in ("user", "assistant")


def _newest(items: Sequence[ChatItem], budget: int, count: CountTokens) -> list[ChatItem]:
    turns = _turns(items)
    if not turns:
        return []
    kept = list(_fitting(turns, budget, count))
    if not kept:
        return _newest_of_turn(turns[-1], budget, count)
    return [item for turn in kept for item in turn]


def _newest_of_turn(turn: Sequence[ChatItem], budget: int, count: CountTokens) -> list[ChatItem]:
    """The person's words and the newest of what followed, within the budget."""
    opening, following = ([turn[0]], turn[1:]) if _opens_turn(turn[0]) else ([], turn)
    opening = _shortened(opening, budget // 2 if following else budget, count)
    rest = budget - _cost(opening, count)
    units = _units(following)
    kept = list(_fitting(units, rest, count)) or [_shortened(unit, rest, count) for unit in units[-1:]]
    chosen = {item.id: item for unit in kept for item in unit if _cost(unit, count) <= rest}
    return [*opening, *(chosen[item.id] for item in following if item.id in chosen)]


def _fitting(groups: Sequence[Sequence[ChatItem]], budget: int, count: CountTokens) -> Iterable[Sequence[ChatItem]]:
    """The newest groups that fit together, in order."""
    kept: list[Sequence[ChatItem]] = []
    for group in reversed(groups):
        budget -= _cost(group, count)
        if budget < 0:
            break
        kept.append(group)
    return reversed(kept)


def _turns(items: Sequence[ChatItem]) -> list[list[ChatItem]]:
    turns: list[list[ChatItem]] = []
    for item in items:
        if not turns or _opens_turn(item):
            turns.append([])
        turns[-1].append(item)
    return turns


def _units(items: Sequence[ChatItem]) -> list[list[ChatItem]]:
    """Items that stay or go together: an output joins its call, everything else stands alone."""
    units: list[list[ChatItem]] = []
    calls: dict[str, list[ChatItem]] = {}
    for item in items:
        if isinstance(item, FunctionCallOutput) and item.call_id in calls:
            calls[item.call_id].append(item)
            continue
        units.append([item])
        if isinstance(item, FunctionCall):
            calls[item.call_id] = units[-1]
    return units


def _shortened(items: Sequence[ChatItem], budget: int, count: CountTokens) -> list[ChatItem]:
    """Copies whose longest texts have lost their middle until all fit, as far as there is text to lose."""
    out = list(items)
    while out and (excess := _cost(out, count) - budget) > 0:
        longest = max(range(len(out)), key=lambda i: count(_text(out[i])))
        text = _text(out[longest])
        wanted = max(0, count(text) - excess)
        shorter = _without_middle(text, wanted, count)
        if len(shorter) >= len(text):
            break
        out[longest] = _with_text(out[longest], shorter)
    return out


def _without_middle(text: str, budget: int, count: CountTokens) -> str:
    """The longest head and tail of equal length that fit, or nothing."""
    low, high = 0, min(len(text), budget * MAX_TOKEN_CHARS) // 2
    while low < high:
        half = (low + high + 1) // 2
        low, high = (half, high) if count(_head_and_tail(text, half)) <= budget else (low, half - 1)
    return _head_and_tail(text, low) if low else ""


def _head_and_tail(text: str, half: int) -> str:
    return text[:half] + ELLIPSIS + text[-half:]


def _text(item: ChatItem) -> str:
    if isinstance(item, ChatMessage):
        return "\n".join(part for part in item.content if isinstance(part, str))
    return item.output if isinstance(item, FunctionCallOutput) else ""


def _with_text(item: ChatItem, text: str) -> ChatItem:
    if isinstance(item, ChatMessage):
        others = [part for part in item.content if not isinstance(part, str)]
        return item.model_copy(update={"content": [text, *others]})
    return item.model_copy(update={"output": text})


def _cost(items: Iterable[ChatItem], count: CountTokens) -> int:
    return sum(item_tokens(item, count) for item in items)


def _is_instruction(item: ChatItem) -> bool:
    return not isinstance(item, ChatMessage | FunctionCall | FunctionCallOutput) or (
        isinstance(item, ChatMessage) and item.role in ("system", "developer")
    )


def _opens_turn(item: ChatItem) -> bool:
    return isinstance(item, ChatMessage) and item.role == "user"
