from __future__ import annotations

import re

import pytest

from voicechat.models.catalogue import CATALOGUE, DEFAULT_MODELS, UnknownModelError, find_model
from voicechat.models.entry import MODEL_ID, ModelFile, ModelKind, WheelSource

SHA256 = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("model_id", CATALOGUE)
def test_every_id_can_be_a_directory_name(model_id: str) -> None:
    assert MODEL_ID.fullmatch(model_id)
    assert CATALOGUE[model_id].id == model_id


@pytest.mark.parametrize("model_id", CATALOGUE)
def test_every_digest_is_a_sha256(model_id: str) -> None:
    for file in CATALOGUE[model_id].files:
        assert file.sha256 is None or SHA256.fullmatch(file.sha256)
        if isinstance(file.source, WheelSource):
            assert SHA256.fullmatch(file.source.wheel.sha256)


@pytest.mark.parametrize("model_id", CATALOGUE)
def test_every_file_can_be_fetched(model_id: str) -> None:
    assert all(file.source is not None for file in CATALOGUE[model_id].files)


def test_the_default_models_are_a_voice_ears_a_mind_and_a_judge_of_turns_with_known_digests() -> None:
    entries = [find_model(model_id) for model_id in DEFAULT_MODELS]
    assert {entry.kind for entry in entries} == set(ModelKind)
    assert all(entry.pinned and entry.size_bytes for entry in entries)


def test_the_default_models_may_be_used_commercially() -> None:
    assert all(find_model(model_id).licence.commercial for model_id in DEFAULT_MODELS)


def test_a_licence_that_forbids_commercial_use_says_so() -> None:
    licence = find_model("piper-en-us-lessac-medium").licence
    assert licence.commercial is False
    assert "commercial use is forbidden" in licence.note


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("piper-en-us-lesac-medium", "piper-en-us-lessac-medium"),
        ("lessac", "piper-en-us-lessac-medium"),
        ("whisper-tiny-en", "whisper-tiny.en"),
        ("Smollm2", "smollm2-135m-instruct"),
    ],
)
def test_an_unknown_id_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(UnknownModelError) as caught:
        find_model(typed)
    assert meant in caught.value.nearest
    assert meant in str(caught.value)


def test_an_id_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(UnknownModelError, match=r"known are .*whisper-tiny\.en"):
        find_model("0000")


@pytest.mark.parametrize("name", ["/etc/passwd", "../escape", "a/../../b", ""])
def test_a_file_cannot_leave_its_directory(name: str) -> None:
    with pytest.raises(ValueError, match="stays inside"):
        ModelFile(name)
