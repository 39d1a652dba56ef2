"""How speech is cut into windows, and when a window's hearing is trusted."""

import pytest

from services.voice.transcription.engine import SAMPLE_RATE_HZ, SpeechSpan
from services.voice.transcription.whisper_windows import (
    FULL_WINDOW_FRAMES,
    MAX_WINDOW_SECONDS,
    Hearing,
    better,
    max_tokens,
    padded_frames,
    says_a_phrase_twice,
    windows,
)


def span(start_seconds: float, end_seconds: float) -> SpeechSpan:
    return SpeechSpan(int(start_seconds * SAMPLE_RATE_HZ), int(end_seconds * SAMPLE_RATE_HZ))


def hearing(**changes: object) -> Hearing:
    values: dict[str, object] = {
        "tokens": [1, 2, 3],
        "text": "three little words",
        "mean_log_probability": -0.3,
        "no_speech_probability": 0.1,
        "compression_ratio": 1.2,
        "token_bound": 50,
    }
    return Hearing(**(values | changes))  # type: ignore[arg-type]  # the test names fields by keyword


def test_neighbouring_spans_share_a_window() -> None:
    assert windows([span(0, 4), span(4.5, 9)]) == [span(0, 9)]


def test_no_window_is_longer_than_can_be_waited_for() -> None:
    found = windows([span(at, at + 3) for at in range(0, 60, 4)])
    assert all(item.end - item.start <= MAX_WINDOW_SECONDS * SAMPLE_RATE_HZ for item in found)
    assert (found[0].start, found[-1].end) == (0, 59 * SAMPLE_RATE_HZ)


@pytest.mark.parametrize("known", [True, False])
def test_a_short_utterance_is_padded_by_five_seconds_and_to_ten(known: bool) -> None:
    assert padded_frames(700, language_is_known=known) == 1200
    assert padded_frames(300, language_is_known=known) == 1000
    assert padded_frames(2800, language_is_known=known) == FULL_WINDOW_FRAMES


def test_less_than_two_seconds_have_the_full_window_unless_their_language_is_known() -> None:
    assert padded_frames(199, language_is_known=False) == FULL_WINDOW_FRAMES
    assert padded_frames(199, language_is_known=True) == 1000


def test_tokens_are_bounded_by_the_duration() -> None:
    assert max_tokens(200) == 24 + 28
    assert max_tokens(3000) == 224


def test_a_text_that_repeats_itself_is_not_trusted() -> None:
    assert hearing().is_trustworthy
    assert not hearing(compression_ratio=2.5).is_trustworthy
    assert not hearing(mean_log_probability=-1.1).is_trustworthy
    assert not hearing(tokens=[7] * 50).is_trustworthy


def test_a_short_window_is_believed_less_readily_than_the_full_one() -> None:
    unsure = hearing(mean_log_probability=-0.93)
    looping = hearing(text="It was the age of wisdom. It was the age of wisdom.")
    assert hearing().holds_in_a_short_window
    assert unsure.is_trustworthy
    assert looping.is_trustworthy
    assert not unsure.holds_in_a_short_window
    assert not looping.holds_in_a_short_window


def test_a_loop_is_known_by_its_words_whatever_their_case_and_punctuation() -> None:
    assert says_a_phrase_twice("times. It was the age of wisdom, it was the age of Wisdom")
    assert not says_a_phrase_twice("It was the best of times, it was the worst of times")
    assert not says_a_phrase_twice("No, no, no, no. No matter. Try again. Fail again.")
    assert not says_a_phrase_twice("")


def test_an_improbable_text_over_no_speech_is_silence() -> None:
    assert hearing(no_speech_probability=0.7, mean_log_probability=-1.2).is_silence
    assert hearing(text="").is_silence
    assert not hearing(no_speech_probability=0.7).is_silence


def test_of_two_doubtful_hearings_the_one_that_does_not_loop_is_kept() -> None:
    looping = hearing(compression_ratio=9.0, mean_log_probability=-0.1)
    improbable = hearing(mean_log_probability=-1.3)
    assert better(looping, improbable) is improbable
