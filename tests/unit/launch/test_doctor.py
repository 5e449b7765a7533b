from __future__ import annotations

import socket
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from voicechat.launch.doctor import Verdict, cores, disk, packages, port, python_version


@pytest.mark.parametrize(
    ("found", "verdict"),
    [((3, 10), Verdict.FAIL), ((3, 11), Verdict.OK), ((3, 13), Verdict.OK), ((3, 14), Verdict.FAIL)],
)
def test_python_3_11_to_3_13_will_do(found: tuple[int, int], verdict: Verdict) -> None:
    assert python_version(found).verdict is verdict


def test_absent_packages_are_mended_by_their_extra() -> None:
    def none(name: str) -> str:
        raise PackageNotFoundError(name)

    (finding,) = packages("embedded-llm", none)

    assert (finding.verdict, finding.mend) == (Verdict.WARN, "pip install 'voicechat[embedded-llm]'")


def test_present_packages_are_listed_with_their_versions() -> None:
    (finding,) = packages("embedded-llm", lambda _: "1.2")

    assert (finding.verdict, finding.detail) == (Verdict.OK, "xllamacpp 1.2")


def test_a_taken_port_is_mended_by_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        finding = port("API", "127.0.0.1", listener.getsockname()[1], "--port")

    assert (finding.verdict, finding.mend) == (Verdict.WARN, "choose another with --port")


def test_one_core_is_few() -> None:
    assert [cores(count).verdict for count in (1, 2)] == [Verdict.WARN, Verdict.OK]


def test_room_is_looked_for_where_the_models_will_be(tmp_path: Path) -> None:
    assert str(tmp_path / "not" / "yet") in disk(tmp_path / "not" / "yet").detail
