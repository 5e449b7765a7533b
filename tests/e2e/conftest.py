"""One running product for all end-to-end tests that do not break it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stack import Stack, start_stack

# The same answer to the same question, and none that takes a minute to say.
MIND = ("--mind", "embedded", "--set", "llm.temperature=0", "--set", "llm.max_output_tokens=32")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`voicechat up` with its defaults, but for what the mind says."""
    stack = start_stack(tmp_path_factory.mktemp("stack") / "up.log", *MIND)
    try:
        stack.wait_until_ready()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A product that a test may damage."""
    stack = start_stack(tmp_path / "up.log", *MIND)
    try:
        stack.wait_until_ready()
        yield stack
    finally:
        if stack.process.poll() is None:
            stack.stop()
