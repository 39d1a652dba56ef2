"""What the rules object to, and how a model's verdict is read."""

import pytest

from services.agent.checking import loops, objection, read_verdict


@pytest.mark.parametrize(
    ("answer", "finish_reason", "says"),
    [
        ("  ", "stop", "empty"),
        ("what IS it", "stop", "repeats the question"),
        ("It is and it is and", "length", "breaks off"),
        ("one two three four five six. " * 3, "stop", "over and over"),
    ],
)
def test_each_rule_says_what_is_wrong(answer: str, finish_reason: str, says: str) -> None:
    assert says in objection("What is it?", answer, finish_reason=finish_reason)


def test_a_plain_answer_is_not_objected_to() -> None:
    assert objection("What is it?", "It is a kettle.", finish_reason="stop") == ""


def test_a_phrase_said_twice_is_no_loop() -> None:
    assert not loops("to be or not to be that is it, to be or not to be that is it")


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("PASS", ""),
        ("pass. It is fine; nothing to REVISE: really", ""),
        ("", ""),
        ("I think so", ""),
        ("REVISE: it is wrong", "it is wrong"),
        ("**Revise** – too\n long", "too long"),
        ("REVISED editions are better", ""),
        ("REVISE", ""),
    ],
)
def test_only_a_clear_word_with_a_reason_is_an_objection(reply: str, found: str) -> None:
    assert read_verdict(reply) == found


def test_a_verdict_is_cut_at_a_bound() -> None:
    assert len(read_verdict("REVISE: " + "word " * 500)) == 400
