"""What a recogniser makes up is told from what was said."""

import pytest

from voicechat.asr.doubt import Hypothesis, is_doubtful, is_loop, is_made_up, most_in_a_row, token_cap


def heard(text: str, avg_logprob: float = -0.4, no_speech_prob: float = 0.1, truncated: bool = False) -> Hypothesis:
    return Hypothesis(text, avg_logprob, no_speech_prob, truncated)


@pytest.mark.parametrize("text", ["Ever tried.", "Thank you.", "You", "Okay.", "No, no!", "Hmm"])
def test_confident_words_are_believed(text: str) -> None:
    assert not is_made_up(heard(text))
    assert not is_doubtful(heard(text))


@pytest.mark.parametrize("text", ["", ".", ". . . .", "...", "♪"])
def test_what_holds_no_word_is_made_up(text: str) -> None:
    assert is_made_up(heard(text))


@pytest.mark.parametrize("text", ["you", "Thank you.", "Thank you so much for joining us.", "Okay."])
def test_what_whisper_says_in_silence_is_made_up_where_speech_is_doubtful(text: str) -> None:
    assert is_made_up(heard(text, avg_logprob=-0.6, no_speech_prob=0.55))


def test_unsure_words_without_speech_are_made_up() -> None:
    assert is_made_up(heard("Where is the station?", avg_logprob=-1.1, no_speech_prob=0.7))


def test_sure_words_survive_a_moderate_no_speech_probability() -> None:
    assert not is_made_up(heard("Where is the station?", avg_logprob=-0.3, no_speech_prob=0.6))


def test_even_sure_words_fall_where_there_is_surely_no_speech() -> None:
    assert is_made_up(heard("Beep beep", avg_logprob=-0.35, no_speech_prob=0.86))


@pytest.mark.parametrize("text", ["see you in the next video, " * 8, "no " * 12, "Beep " * 8])
def test_repetition_is_a_loop(text: str) -> None:
    assert is_loop(heard(text))
    assert is_made_up(heard(text))


@pytest.mark.parametrize(
    "text", ["No, no, no, no!", "11, 11, 11", "50, 50, 50, 50, 50, 50, 50,", "Press one, press one, press one."]
)
def test_three_times_in_a_row_deserves_a_second_look_and_is_believed_if_that_says_so(text: str) -> None:
    assert is_doubtful(heard(text, avg_logprob=-0.2))
    assert not is_made_up(heard(text, avg_logprob=-0.2))


@pytest.mark.parametrize(
    ("text", "times"),
    [("", 0), ("one", 1), ("one two one two", 2), ("Well, 11, 11, 11!", 3), ("a b c a b c a b c a", 3), ("aa b", 1)],
)
def test_words_and_phrases_in_a_row_are_counted(text: str, times: int) -> None:
    assert most_in_a_row(text) == times


def test_a_reply_at_its_token_cap_is_a_loop() -> None:
    assert is_loop(heard("a b c", truncated=True))


def test_an_unlikely_hypothesis_deserves_a_second_look() -> None:
    assert is_doubtful(heard("Agent log daf.", avg_logprob=-1.02, no_speech_prob=0.3))


def test_words_that_break_off_before_the_audio_does_deserve_a_second_look() -> None:
    assert is_doubtful(Hypothesis("You may quit by pressing the", -0.2, 0.1, unfinished=True))


def test_the_token_cap_grows_with_the_audio() -> None:
    assert 16 <= token_cap(0.1) < token_cap(5.0) < token_cap(28.0) < 448
