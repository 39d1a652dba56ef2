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


def test_the_first_phrase_is_a_clause_and_the_others_end_where_sentences_do() -> None:
    assert phrases("It is ten, I think, or eleven. Who knows? Not me.") == [
        "It is ten,",
        " I think,",
        " or eleven.",
        " Who knows?",
        " Not me.",
    ]


def test_phrases_grow_with_the_time_that_the_ones_before_give_until_they_are_sentences() -> None:
    sentence = " The river that runs through the middle of it is wide and slow and brown in spring."
    lengths = [len(phrase) for phrase in phrases(f"It is the one on the river.{sentence * 6}")]
    assert lengths[0] <= 20
    assert lengths[-3:] == [len(sentence)] * 3


def test_a_first_sentence_without_a_mark_is_cut_where_one_might_breathe() -> None:
    found = phrases("The capital of the country that you have been asking me about is called Paris.")
    assert found[:2] == ["The capital ", "of the country "]


def test_a_phrase_knows_whether_a_sentence_ends_with_it() -> None:
    phrasing = Phrasing()
    found = [*phrasing.feed('It is ten, or about that, he said. "Is it?" Yes '), *phrasing.finish()]
    assert [(phrase.text.strip(), phrase.ends_sentence) for phrase in found] == [
        ("It is ten,", False),
        ("or about that,", False),
        ("he said.", True),
        ('"Is it?"', True),
        ("Yes", False),
    ]


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    found = phrases(REPLY)
    assert not any(phrase.rstrip().endswith(("Dr.", "3.")) for phrase in found)
    assert any("3.14" in phrase for phrase in found)


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
