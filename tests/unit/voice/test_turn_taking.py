"""Who speaks when: beginnings, pauses that ask for words, ends that wait for a sentence to be finished."""

import pytest

from services.voice.listening.turn_taking import (
    Paused,
    Resumed,
    SpeechStarted,
    TurnEnded,
    TurnEvent,
    TurnRules,
    TurnTaking,
)
from services.voice.listening.unfinished import Completeness, completeness
from services.voice.listening.voice_detector import FRAME_SECONDS
from services.voice.transcription.engine import SAMPLE_RATE_HZ

RULES = TurnRules()


def hear(turns: TurnTaking, seconds: float, probability: float) -> list[TurnEvent]:
    frames = round(seconds / FRAME_SECONDS)
    return [event for _ in range(frames) for event in turns.frame(probability)]


def speak(turns: TurnTaking, seconds: float = 1.0) -> list[TurnEvent]:
    return hear(turns, seconds, 0.95)


def pause(turns: TurnTaking, seconds: float) -> list[TurnEvent]:
    return hear(turns, seconds, 0.02)


def kinds(events: list[TurnEvent]) -> list[type]:
    return [type(event) for event in events]


def test_a_turn_begins_within_a_tenth_of_a_second_and_keeps_what_came_before() -> None:
    turns = TurnTaking(RULES)
    assert pause(turns, 1.0) == []
    (started,) = speak(turns, 0.1)
    assert isinstance(started, SpeechStarted)
    assert started.start / SAMPLE_RATE_HZ == pytest.approx(1.0 - RULES.prefix_seconds, abs=0.07)


def test_clicks_begin_nothing() -> None:
    turns = TurnTaking(RULES)
    for _ in range(50):
        assert speak(turns, 0.064) == []
        assert pause(turns, 0.13) == []


def test_one_quiet_frame_does_not_undo_a_beginning() -> None:
    turns = TurnTaking(RULES)
    events = [event for p in (0.9, 0.9, 0.1, 0.9) for event in turns.frame(p)]
    assert kinds(events) == [SpeechStarted]


def test_a_short_pause_asks_for_the_words_so_far_and_a_voice_takes_that_back() -> None:
    turns = TurnTaking(RULES)
    speak(turns)
    spoken_until = turns.position
    (paused,) = pause(turns, RULES.pause_seconds + 0.04)
    assert isinstance(paused, Paused)
    assert paused.end >= spoken_until + RULES.pause_seconds * SAMPLE_RATE_HZ
    assert kinds(speak(turns, 0.1)) == [Resumed]


def test_a_finished_sentence_ends_the_turn_soon() -> None:
    turns = TurnTaking(RULES)
    speak(turns)
    pause(turns, 0.2)
    assert turns.heard("What time is it?") == ()
    assert kinds(pause(turns, RULES.finished_seconds - 0.2 + 0.04)) == [TurnEnded]


def test_words_that_come_late_end_the_turn_at_once() -> None:
    turns = TurnTaking(RULES)
    speak(turns)
    pause(turns, 0.5)
    (ended,) = turns.heard("What time is it?")
    assert isinstance(ended, TurnEnded)
    assert ended.end - ended.voiced_end == pytest.approx(0.5 * SAMPLE_RATE_HZ, abs=600)


@pytest.mark.parametrize(("words", "seconds"), [("so it", 0.6), ("and then the.", 1.6), ("I think,", 1.6)])
def test_a_sentence_that_goes_on_is_waited_for(words: str, seconds: float) -> None:
    turns = TurnTaking(RULES)
    speak(turns)
    pause(turns, 0.2)
    turns.heard(words)
    assert pause(turns, seconds - 0.2 - 0.05) == []
    assert kinds(pause(turns, 0.1)) == [TurnEnded]


def test_after_a_resumption_old_words_end_nothing() -> None:
    turns = TurnTaking(RULES)
    speak(turns)
    pause(turns, 0.3)
    speak(turns, 0.1)
    assert turns.heard("Yes.") == ()
    assert kinds(pause(turns, 0.4)) == [Paused]


def test_words_that_never_come_do_not_keep_a_turn_open_for_ever() -> None:
    turns = TurnTaking(RULES)
    speak(turns)
    assert kinds(pause(turns, RULES.unfinished_seconds + 0.1)) == [Paused, TurnEnded]


def test_a_turn_has_a_longest_length() -> None:
    turns = TurnTaking(TurnRules(max_turn_seconds=2.0))
    events = speak(turns, 2.1)
    assert kinds(events)[:2] == [SpeechStarted, TurnEnded]


def test_the_end_of_the_audio_ends_an_open_turn_and_only_that() -> None:
    turns = TurnTaking(RULES)
    assert turns.flush() == ()
    speak(turns)
    assert kinds(list(turns.flush())) == [TurnEnded]
    assert turns.flush() == ()


def test_a_new_turn_begins_after_the_last() -> None:
    turns = TurnTaking(RULES)
    speak(turns)
    pause(turns, 0.2)
    turns.heard("Yes.")
    pause(turns, 0.5)
    assert kinds(speak(turns, 0.2)) == [SpeechStarted]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What time is it?", Completeness.FINISHED),
        ("Fail better.", Completeness.FINISHED),
        ("I went to the.", Completeness.UNFINISHED),
        ("I would like a coffee and", Completeness.UNFINISHED),
        ("Well, um...", Completeness.UNFINISHED),
        ("Ich komme, weil", Completeness.UNFINISHED),
        ("fail better", Completeness.UNCLEAR),
        ("Which one, this or?", Completeness.FINISHED),
        ("そうですか。", Completeness.FINISHED),
        ("", Completeness.UNCLEAR),
    ],
)
def test_whether_a_sentence_is_finished(text: str, expected: Completeness) -> None:
    assert completeness(text) is expected
