"""The ears know when the voice is short of audio."""

import pytest

from voicechat.asr.slack import VoiceSlack


def test_nobody_speaking_is_no_shortage() -> None:
    assert not VoiceSlack().short


@pytest.mark.parametrize(("ahead_s", "short"), [(0.0, True), (0.29, True), (0.3, False), (None, False)])
def test_a_reply_with_less_than_300_ms_ahead_is_short(ahead_s: float | None, short: bool) -> None:
    slack = VoiceSlack()
    slack.watch(lambda: ahead_s)
    assert slack.short == short


def test_one_short_reply_among_many_counts() -> None:
    slack = VoiceSlack()
    for ahead_s in (2.0, 0.1, 1.0):
        slack.watch(lambda ahead_s=ahead_s: ahead_s)  # type: ignore[misc]
    assert slack.short


def test_a_conversation_that_ended_counts_no_more() -> None:
    slack = VoiceSlack()
    forget = slack.watch(lambda: 0.0)
    forget()
    assert not slack.short
