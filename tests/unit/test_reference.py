from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["settings", "models", "cli", "metrics"])
def test_the_reference_tells_what_the_code_does(page: str) -> None:
    check = subprocess.run(
        [sys.executable, "-m", "scripts.reference", "--check", page],
        cwd=REPOSITORY,
        env={**os.environ, "TERM": "dumb", "COLUMNS": "100"},
        capture_output=True,
        text=True,
    )
    assert check.returncode == 0, check.stderr
