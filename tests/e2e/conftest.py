"""One running product for all end-to-end tests that do not break it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stack import Stack, start_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`voicechat up` with its defaults, but the same answer to the same question."""
    stack = start_stack(tmp_path_factory.mktemp("stack") / "up.log", "--mind", "embedded", "--set", "llm.temperature=0")
    try:
        stack.wait_until_ready()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A product that a test may damage."""
    stack = start_stack(tmp_path / "up.log", "--mind", "embedded", "--set", "llm.temperature=0")
    try:
        stack.wait_until_ready()
        yield stack
    finally:
        if stack.process.poll() is None:
            stack.stop()
