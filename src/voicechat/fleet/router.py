"""Which worker speaks a reply: pure, and quick enough to be asked for each.

Of the workers that can, the one the session spoke with before; else one that holds the model in memory; and of those
equally good, the less busy of two drawn at random (M. Mitzenmacher, The Power of Two Choices in Randomized Load
Balancing, 2001): with many orchestrators who each see loads of two seconds ago, the least busy of all would be
everybody's choice at once.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from random import random

from voicechat.fleet.member import Member
from voicechat.fleet.record import ModelRecord

FULL = 1.0
_MANY = "mul"
"""Stands for the languages of a model that has too many to list."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reply needs. Empty: anything will do. `prefer` is the name of the worker that spoke before."""

    model_id: str = ""
    language: str = ""
    capabilities: frozenset[str] = frozenset()
    prefer: str | None = None


def choose(
    members: Iterable[Member], wish: Wish, avoid: Container[str] = (), draw: Callable[[], float] = random
) -> Member | None:
    """The member that is asked; None when none can do what is wished.

    Args:
        members: The fleet.
        wish: Of the reply.
        avoid: Names of those not to be asked.
        draw: Uniform in [0, 1).
    """
    able = [member for member in members if member.name not in avoid and can(member, wish)]
    free = [member for member in able if member.load < FULL]
    for member in free:
        if member.name == wish.prefer:
            return member
    if wish.model_id:
        free = [member for member in free if _is_resident(member, wish.model_id)] or free
    return _less_busy(free or able, draw)


def can(member: Member, wish: Wish) -> bool:
    """Whether a member takes replies, and such ones."""
    if member.record.draining:
        return False
    if member.is_seed:
        return True
    if not wish.capabilities <= member.record.capabilities:
        return False
    if wish.model_id:
        model = member.models.get(wish.model_id)
        return model is not None and _speaks(model, wish.language)
    return not wish.language or any(_speaks(model, wish.language) for model in member.models.values())


def _speaks(model: ModelRecord, language: str) -> bool:
    return not language or _primary(language) in map(_primary, model.languages) or _MANY in model.languages


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()


def _is_resident(member: Member, model_id: str) -> bool:
    model = member.models.get(model_id)
    return model is not None and model.resident


def _less_busy(members: Sequence[Member], draw: Callable[[], float]) -> Member | None:
    if len(members) < 2:
        return members[0] if members else None
    first = int(draw() * len(members))
    second = int(draw() * (len(members) - 1))
    one, other = members[first], members[second + (second >= first)]
    return one if one.load <= other.load else other
