from __future__ import annotations

from voicechat.tts.pacing import PlayedClock


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def begun(already_s: float = 0.0) -> tuple[Hands, PlayedClock]:
    hands = Hands()
    played = PlayedClock(hands, already_s)
    played.begin()
    return hands, played


def test_nothing_is_played_before_the_first_audio() -> None:
    hands = Hands()
    played = PlayedClock(hands)
    hands.now_s += 5

    assert played.played_s == 0
    assert not played.moving


def test_a_client_that_never_reports_plays_in_real_time() -> None:
    hands, played = begun()
    hands.now_s += 1.5

    assert played.played_s == 1.5


def test_a_client_that_reports_is_believed() -> None:
    hands, played = begun()
    hands.now_s += 1.5
    played.report(0.4)
    hands.now_s += 9

    assert played.played_s == 0.4
    assert not played.moving


def test_time_stands_still_in_a_pause() -> None:
    hands, played = begun()
    hands.now_s += 1
    played.pause()
    hands.now_s += 10
    played.resume()
    hands.now_s += 0.5

    assert played.played_s == 1.5


def test_a_pause_from_before_the_first_audio_holds() -> None:
    hands = Hands()
    played = PlayedClock(hands)
    played.pause()
    played.begin()
    hands.now_s += 3

    assert played.played_s == 0


def test_real_time_goes_on_from_the_last_report_once_none_can_come() -> None:
    hands, played = begun()
    played.report(0.5)
    hands.now_s += 4
    played.detach()
    hands.now_s += 1

    assert played.played_s == 1.5


def test_what_was_skipped_counts_as_heard() -> None:
    hands, played = begun(already_s=2.0)
    hands.now_s += 1

    assert played.played_s == 3.0
