"""What must be set before a start: the start stops, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from deploy.compose import Installation


@pytest.fixture
def fresh(tmp_path: Path) -> Installation:
    return Installation.copied(tmp_path / "server")


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("LIVEKIT_API_KEY", "Set LIVEKIT_API_KEY in .env.prod"),
        ("LIVEKIT_API_SECRET", "Set LIVEKIT_API_SECRET in .env.prod"),
        ("NODE_IP", "Set NODE_IP in .env.prod"),
        ("OPENAI_BASE_URL", "Set OPENAI_API_KEY in .env.prod, or OPENAI_BASE_URL"),
    ],
)
def test_what_is_not_set_stops_the_start_with_the_sentence_that_mends_it(
    fresh: Installation, variable: str, sentence: str
) -> None:
    fresh.initialise(OPENAI_BASE_URL="http://llm:8000/v1")
    fresh.edit(**{variable: ""})
    refused = fresh.compose("up", "-d", check=False)
    assert refused.returncode != 0
    assert sentence in refused.stderr


def test_init_makes_values_nobody_can_guess_and_changes_none_that_exist(fresh: Installation) -> None:
    fresh.initialise()
    before = {path: path.read_bytes() for path in (fresh.directory / "secrets").iterdir()}
    ours = [value for value in before.values() if value]
    assert len(ours) == 5
    assert len(set(ours)) == len(ours)
    assert all(len(value) >= 32 for value in ours)
    fresh.run("deploy/init")
    assert before == {path: path.read_bytes() for path in before}


def test_secrets_are_kept_from_other_users_of_the_machine(fresh: Installation) -> None:
    fresh.initialise()
    assert (fresh.directory / "secrets").stat().st_mode & 0o077 == 0
    assert (fresh.directory / ".env.prod").stat().st_mode & 0o077 == 0
    assert (fresh.directory / ".env").resolve() == (fresh.directory / ".env.prod").resolve()
