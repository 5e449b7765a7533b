from __future__ import annotations

import re
from pathlib import Path

import pytest

from voicechat.models.entry import HubSource
from voicechat.models.own import own_entries
from voicechat.settings import SettingsError, load_settings

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def blocks(guide: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (GUIDES / guide).read_text(), re.DOTALL)


def test_the_example_configuration_loads(tmp_path: Path) -> None:
    (example,) = blocks("configuration.md", "yaml")
    (tmp_path / "my.yaml").write_text(example)
    assert load_settings(tmp_path / "my.yaml", {}, {}).server.port == 8090


def test_the_example_errors_are_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks("configuration.md", "text")
    (tmp_path / "my.yaml").write_text("\nserver:\n  prot: 8090\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        load_settings(Path("my.yaml"), {"LOG_LEVEL": "loud", "VOICECHAT_ASR__DEVISE": "cpu"}, {})
    assert sorted(str(caught.value).splitlines()) == sorted(example.splitlines())


def test_the_example_catalogue_loads(tmp_path: Path) -> None:
    (example,) = blocks("models.md", "yaml")
    (tmp_path / "catalogue.yaml").write_text(example)
    (file,) = own_entries(tmp_path)["my-mind"].files
    assert isinstance(file.source, HubSource)
