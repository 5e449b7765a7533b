"""Ears that cannot be loaded say what mends it."""

from pathlib import Path

import pytest

from voicechat.asr.load import default_threads, load_ears
from voicechat.asr.port import EarsError
from voicechat.settings import AsrSettings, EarsAdapter, ModelsSettings, Settings


def test_a_missing_model_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(EarsError, match="voicechat models pull whisper-tiny.en"):
        load_ears(Settings(models=ModelsSettings(directory=tmp_path)))


def test_an_adapter_that_is_not_installed_names_what_to_install() -> None:
    with pytest.raises(EarsError, match="pip install whisperx"):
        load_ears(Settings(asr=AsrSettings(adapter=EarsAdapter.WHISPERX)))


def test_ears_that_are_switched_off_are_not_loaded() -> None:
    with pytest.raises(EarsError, match="ASR_ENABLED"):
        load_ears(Settings(asr=AsrSettings(enabled=False)))


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (8, 4), (64, 4)])
def test_the_ears_leave_half_of_the_cores(cores: int, threads: int) -> None:
    assert default_threads(cores) == threads
