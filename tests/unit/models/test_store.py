from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from voicechat.models.entry import Licence, ModelEntry, ModelFile, ModelFormat, ModelKind, PathSource
from voicechat.models.files import file_lock
from voicechat.models.progress import Phase, Progress
from voicechat.models.store import (
    DigestMismatchError,
    DiskFullError,
    FetchError,
    ModelError,
    ModelMissingError,
    ModelState,
    ModelStore,
    UnknownModelError,
)

GRAPH = b"graph" * 1000
CONFIG = b"{}"
MINE = "mine: {kind: voice, format: piper, languages: [en], licence: {spdx: MIT}, "


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    directory = tmp_path / "origin"
    directory.mkdir()
    (directory / "v.onnx").write_bytes(GRAPH)
    (directory / "v.onnx.json").write_bytes(CONFIG)
    return directory


@pytest.fixture
def entry(origin: Path) -> ModelEntry:
    return ModelEntry(
        id="voice",
        kind=ModelKind.VOICE,
        format=ModelFormat.PIPER,
        languages=("en",),
        licence=Licence("CC0-1.0"),
        files=(
            ModelFile("v.onnx", PathSource(origin / "v.onnx"), size_bytes=len(GRAPH), sha256=sha256(GRAPH)),
            ModelFile("v.onnx.json", PathSource(origin / "v.onnx.json")),
        ),
    )


@pytest.fixture
def store(tmp_path: Path, entry: ModelEntry) -> ModelStore:
    return ModelStore(tmp_path / "models", catalogue={entry.id: entry})


def test_a_model_that_was_pulled_is_found(store: ModelStore) -> None:
    store.pull("voice")
    assert store.require("voice") == store.directory / "voice"
    assert store.main_file("voice").read_bytes() == GRAPH
    assert store.status("voice").state is ModelState.INSTALLED


def test_a_missing_model_is_refused_with_the_command_that_fetches_it(store: ModelStore) -> None:
    with pytest.raises(ModelMissingError, match="voicechat models pull voice"):
        store.require("voice")


def test_an_unknown_model_is_refused_with_the_nearest(store: ModelStore) -> None:
    with pytest.raises(UnknownModelError, match="the nearest are voice"):
        store.require("voyce")


def test_a_name_with_slashes_is_an_unknown_model(store: ModelStore) -> None:
    with pytest.raises(UnknownModelError):
        store.require("../voice")


def test_a_file_of_the_wrong_size_counts_as_missing(store: ModelStore) -> None:
    store.pull("voice")
    store.main_file("voice").write_bytes(b"short")
    assert not store.installed("voice")
    assert store.status("voice").state is ModelState.PARTIAL


def test_a_file_that_is_not_required_may_be_absent(tmp_path: Path, entry: ModelEntry) -> None:
    card = ModelFile("MODEL_CARD", PathSource(tmp_path / "absent"), required=False)
    with_card = ModelEntry(entry.id, entry.kind, entry.format, ("en",), entry.licence, (*entry.files, card))
    directory = tmp_path / "models" / "voice"
    directory.mkdir(parents=True)
    (directory / "v.onnx").write_bytes(GRAPH)
    (directory / "v.onnx.json").write_bytes(CONFIG)
    assert ModelStore(tmp_path / "models", catalogue={"voice": with_card}).installed("voice")


def test_verify_finds_a_changed_file(store: ModelStore) -> None:
    store.pull("voice")
    store.main_file("voice").write_bytes(b"x" * len(GRAPH))
    with pytest.raises(DigestMismatchError, match="voicechat models pull voice"):
        store.verify("voice")


def test_verify_finds_a_change_in_a_file_that_the_first_pull_pinned(store: ModelStore) -> None:
    store.pull("voice")
    (store.directory / "voice" / "v.onnx.json").write_bytes(b"[]")
    with pytest.raises(DigestMismatchError, match=r"voice/v\.onnx\.json"):
        store.verify("voice")


def test_pull_mends_a_changed_file(store: ModelStore) -> None:
    store.pull("voice")
    store.main_file("voice").write_bytes(b"x" * len(GRAPH))
    store.pull("voice")
    assert store.verify("voice")


def test_pull_fetches_only_what_is_missing(store: ModelStore, origin: Path) -> None:
    store.pull("voice")
    (origin / "v.onnx").unlink()
    (store.directory / "voice" / "v.onnx.json").unlink()
    store.pull("voice")
    assert store.installed("voice")


def test_a_model_without_known_digests_says_so_until_it_is_pulled(store: ModelStore) -> None:
    assert not store.status("voice").pinned
    store.pull("voice")
    assert store.status("voice").pinned


def test_pull_refuses_a_source_that_serves_something_else(store: ModelStore, origin: Path) -> None:
    (origin / "v.onnx").write_bytes(b"x" * len(GRAPH))
    with pytest.raises(DigestMismatchError):
        store.pull("voice")
    assert not (store.directory / "voice" / "v.onnx").exists()
    assert not list(store.directory.rglob("*.part"))


def test_pull_refuses_a_source_of_another_size(store: ModelStore, origin: Path) -> None:
    (origin / "v.onnx").write_bytes(b"short")
    with pytest.raises(FetchError, match="came with 5 bytes, expected 5000"):
        store.pull("voice")


def test_pull_names_a_path_that_is_not_there(store: ModelStore, origin: Path) -> None:
    (origin / "v.onnx").unlink()
    with pytest.raises(FetchError, match=r"cannot copy .*v\.onnx"):
        store.pull("voice")


def test_pull_stops_before_it_fills_the_disk(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("voicechat.models.store.shutil.disk_usage", lambda _: usage)
    with pytest.raises(DiskFullError, match="VOICECHAT_MODELS"):
        store.pull("voice")


def test_pull_into_something_that_is_no_directory_is_refused(tmp_path: Path, entry: ModelEntry) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchError, match="set VOICECHAT_MODELS"):
        ModelStore(tmp_path / "file", catalogue={entry.id: entry}).pull("voice")


def test_pull_reports_what_it_does(store: ModelStore) -> None:
    reports: list[Progress] = []
    store.pull("voice", reports.append)
    assert {report.name for report in reports} == {"v.onnx", "v.onnx.json"}
    assert {report.phase for report in reports} == {Phase.CHECKING}


def test_pull_tells_that_it_waits_for_another_process(tmp_path: Path) -> None:
    waits: list[str] = []
    lock = tmp_path / "lock"

    class Waited(Exception):
        pass

    def waited() -> None:
        waits.append("waited")
        raise Waited

    with file_lock(lock, on_wait=waited), pytest.raises(Waited), file_lock(lock, on_wait=waited):
        pass
    assert waits == ["waited"]


def test_a_damaged_record_is_named(store: ModelStore) -> None:
    store.pull("voice")
    (store.directory / "voice" / "manifest.json").write_text("not json")
    with pytest.raises(ModelError, match=r"manifest\.json is damaged"):
        store.verify("voice")


def test_a_voice_dropped_into_the_directory_can_be_used(store: ModelStore) -> None:
    folder = store.directory / "my-own"
    folder.mkdir(parents=True)
    (folder / "x.onnx").write_bytes(GRAPH)
    facts = {"language": {"code": "de_DE"}, "num_speakers": 3}
    (folder / "x.onnx.json").write_text(json.dumps(facts))
    mine = store.entry("my-own")
    assert (mine.kind, mine.languages, mine.speakers) == (ModelKind.VOICE, ("de-DE",), 3)
    assert mine.licence.spdx == "unknown"
    assert store.main_file("my-own") == folder / "x.onnx"


def test_a_graph_without_its_configuration_is_no_voice(store: ModelStore) -> None:
    folder = store.directory / "my-own"
    folder.mkdir(parents=True)
    (folder / "x.onnx").write_bytes(GRAPH)
    with pytest.raises(UnknownModelError):
        store.entry("my-own")


def test_the_owner_can_add_models(store: ModelStore, origin: Path) -> None:
    store.directory.mkdir()
    (store.directory / "catalogue.yaml").write_text(
        f"""
        mine:
          kind: voice
          format: piper
          languages: [en-GB]
          licence: {{spdx: CC-BY-4.0}}
          files:
            - {{name: v.onnx, source: {{path: "{origin}/v.onnx"}}, sha256: {sha256(GRAPH)}}}
        """
    )
    store.pull("mine")
    assert store.verify("mine") == store.directory / "mine"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mine: {kind: nose}", "mine: kind"),
        ("Mine!: {}", "lower-case"),
        (MINE + "files: [{name: a, source: {ulr: x}}]}", r"files\.0\.source: must be \{url\}"),
        (MINE + "files: [{name: a, sha265: x}]}", r"files\.0\.sha265: Unexpected"),
        (MINE + "files: [{name: a, sha256: abc}]}", "64 lower-case"),
        (MINE + "files: [{name: ../a}]}", "stays inside"),
        (MINE + "files: []}", "at least one file"),
        ("[1]", "must map"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_catalogue_of_the_owner_is_named(store: ModelStore, text: str, complaint: str) -> None:
    store.directory.mkdir()
    (store.directory / "catalogue.yaml").write_text(text)
    with pytest.raises(ModelError, match=complaint):
        store.entries()


def test_the_directory_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECHAT_MODELS", str(tmp_path))
    assert ModelStore().directory == tmp_path


def test_looking_for_models_writes_nothing(store: ModelStore) -> None:
    store.statuses()
    assert not store.directory.exists()
