"""A reply is cut into phrases while it is written; what was played tells what was heard of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.voice.conversation.heard import HeardText
from services.voice.conversation.phrasing import Phrasing

REPLY = (
    "Well, it is ten o'clock. Dr. Smith has 3.14 of them. Is that all? I would say so, but who am I to know"
)


def phrases(reply: str, step: int = 1) -> list[str]:
    phrasing = Phrasing()
    found = [
        phrase
        for start in range(0, len(reply), step)
        for phrase in phrasing.feed(reply[start : start + step])
    ]
    return [phrase.text for phrase in [*found, *phrasing.finish()]]


def test_the_first_phrase_is_a_clause_and_the_others_are_sentences() -> None:
    assert phrases("It is ten, I think, or eleven. Who knows? Not me.") == [
        "It is ten,",
        " I think, or eleven.",
        " Who knows?",
        " Not me.",
    ]


def test_a_first_sentence_without_a_mark_is_cut_between_words() -> None:
    first = phrases("The capital of the country that you have been asking me about is called Paris.")[0]
    assert 20 < len(first) <= 49
    assert first.endswith(" ")


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    assert any("Dr. Smith has 3.14 of them." in phrase for phrase in phrases(REPLY))


@given(st.text(alphabet="ab ,.?!\n'3", max_size=200), st.integers(1, 9))
def test_nothing_is_lost_or_moved_however_it_arrives(reply: str, step: int) -> None:
    joined = "".join(phrases(reply, step))
    assert reply.startswith(joined)
    assert not reply[len(joined) :].strip()


def test_the_end_of_a_phrase_is_its_place_in_the_reply() -> None:
    phrasing = Phrasing()
    found = [*phrasing.feed(REPLY), *phrasing.finish()]
    assert [REPLY[: phrase.end][-len(phrase.text) :] for phrase in found] == [p.text for p in found]
    assert found[-1].end == len(REPLY)


def test_heard_is_in_whole_words() -> None:
    heard = HeardText()
    heard.spoke("Ever tried. ", 1.0)
    heard.spoke("Ever failed and failed better.", 2.0)
    assert heard.characters(0.0) == 0
    assert heard.text[: heard.characters(1.0)].strip() == "Ever tried."
    assert heard.text[: heard.characters(2.1)] in {"Ever tried. Ever failed", "Ever tried. Ever failed and"}
    assert heard.characters(3.0) == len(heard.text)
    assert heard.characters(99.0) == len(heard.text)


@given(st.lists(st.tuples(st.text(max_size=30), st.floats(0.0, 5.0)), max_size=6), st.floats(0, 40))
def test_more_played_is_never_less_heard(spans: list[tuple[str, float]], played: float) -> None:
    heard = HeardText()
    for text, seconds in spans:
        heard.spoke(text, seconds)
    assert 0 <= heard.characters(played) <= heard.characters(played + 1.0) <= len(heard.text)


@pytest.mark.parametrize("seconds", [0.2, 1.4])
def test_a_phrase_that_goes_on_is_longer(seconds: float) -> None:
    heard = HeardText()
    heard.spoke("Again", 0.0)
    heard.more(seconds)
    heard.more(seconds)
    assert heard.seconds == pytest.approx(2 * seconds)
