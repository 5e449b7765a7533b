from __future__ import annotations

import pytest

from voicechat.settings.keys import all_keys, keys_by_variable, nearest_key


@pytest.mark.parametrize("name", list(all_keys()))
def test_every_setting_is_described(name: str) -> None:
    assert all_keys()[name].field.description


def test_no_two_settings_answer_to_one_variable() -> None:
    variables = [variable for key in all_keys().values() for variable in key.variables]
    assert len(variables) == len(set(variables)) == len(keys_by_variable())


def test_every_setting_answers_to_a_variable() -> None:
    assert all(key.variables for key in all_keys().values())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("server.prot", "server.port"),
        ("tts.defaultmodel", "tts.default_model"),
        ("lm.api_key", "llm.api_key"),
        ("loging.level", "logging.level"),
        ("endpointing_ms", "conversation.endpointing_ms"),
    ],
)
def test_the_nearest_setting_is_found(typed: str, meant: str) -> None:
    assert nearest_key(typed) == meant
