from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from voicechat.process import spare_what_stays


class Thing:
    itself: Thing


@pytest.fixture(autouse=True)
def seen_again() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_the_collector_no_longer_looks_at_what_was_there() -> None:
    there = [Thing() for _ in range(1000)]
    spare_what_stays()
    assert gc.get_freeze_count() > len(there)
    assert not any(isinstance(each, Thing) for each in gc.get_objects())


def test_what_comes_later_and_goes_is_still_collected() -> None:
    spare_what_stays()
    thing = Thing()
    thing.itself = thing
    watched = ref(thing)
    del thing
    gc.collect()
    assert watched() is None
