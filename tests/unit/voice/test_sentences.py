import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.voice.synthesis.sentences import MAX_FIRST_SENTENCE_UNITS, MAX_SENTENCE_UNITS, sentences
from services.voice.synthesis.speakable import clean, is_mark, is_speakable, spoken_units


def letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Smith met Mrs. Jones. They spoke.", ["Dr. Smith met Mrs. Jones.", "They spoke."]),
        ("J. R. Tolkien wrote it. I. Newton read it.", ["J. R. Tolkien wrote it.", "I. Newton read it."]),
        ("It was I. Nobody else.", ["It was I.", "Nobody else."]),
        ("Pi is 3.14159. Really.", ["Pi is 3.14159.", "Really."]),
        ("See No. 5 on p. 12. No. Never.", ["See No. 5 on p. 12.", "No.", "Never."]),
        ("Come at 9 a.m. or later, e.g. at noon.", ["Come at 9 a.m. or later, e.g. at noon."]),
        ("Wait... what? Yes.", ["Wait...", "what?", "Yes."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        (
            "これはペンです。あれは本です！そうですか？",
            ["これはペンです。", "あれは本です！", "そうですか？"],
        ),
        ("你好。「再见。」他说。", ["你好。", "「再见。」", "他说。"]),
        (
            "A heading\nThe text.\n\n- an item\n- another",
            ["A heading", "The text.", "- an item", "- another"],
        ),
        ("The text was wrapped\nat some width. Done.", ["The text was wrapped at some width.", "Done."]),
        ("one\r\n\r\ntwo", ["one", "two"]),
        ("no capitals. it is chat. fine", ["no capitals. it is chat. fine"]),
    ],
)
def test_text_is_cut_where_a_sentence_ends(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "text", ["", "   \n ", "...", "?! — () …", "😀 👩‍💻 🎉", "\u200d\ufeff\x00", "-----"]
)
def test_what_cannot_be_spoken_gives_no_sentence(text: str) -> None:
    assert sentences(text) == []


def test_emoji_control_characters_and_drawn_lines_are_silent() -> None:
    text = "Well done 🎉👩‍💻!\n=======\nThe sy\u00adllable\x07 is who\ufeffle \u2764\ufe0f."
    assert sentences(text) == ["Well done !", "The syllable is whole ."]


def test_a_joiner_inside_a_word_is_kept() -> None:
    assert sentences("می\u200cخواهم") == ["می\u200cخواهم"]


def test_symbols_that_have_a_name_are_spoken() -> None:
    assert sentences("50 %\n&\n€") == ["50 %", "&", "€"]


def test_a_long_sentence_is_cut_at_its_clauses_and_the_first_one_sooner() -> None:
    clause = "the river ran past the mill and on through the valley"
    parts = sentences(f"{', '.join([clause] * 20)}.")
    assert all(part.endswith((",", ".")) for part in parts)
    assert spoken_units(parts[0]) <= MAX_FIRST_SENTENCE_UNITS < spoken_units(parts[1]) <= MAX_SENTENCE_UNITS


def test_a_long_text_without_capitals_is_cut_at_its_sentence_ends() -> None:
    parts = sentences("and so it went on for a while, day by day. " * 30)
    assert len(parts) > 1
    assert all(part.endswith(".") for part in parts)


@pytest.mark.parametrize(
    "text", ["word " * 2000, "a" * 10_000, "漢" * 10_000, "7" * 10_000, "e\u0331" * 5000]
)
def test_text_without_punctuation_is_bounded_all_the_same(text: str) -> None:
    parts = sentences(text)
    assert letters("".join(parts)) == letters(text)
    assert all(spoken_units(part) <= MAX_SENTENCE_UNITS for part in parts)
    assert not any(is_mark(part[0]) for part in parts)


@pytest.mark.parametrize("text", [". a" * 3_333, ". " * 5_000, "\n" * 10_000, "a\n" * 5_000, "..." * 3_333])
def test_a_hostile_text_is_cut_in_linear_work(text: str) -> None:
    assert letters("".join(sentences(text))) == letters(text)


@given(st.text(max_size=2_000))
def test_nothing_that_can_be_spoken_is_lost_or_reordered(text: str) -> None:
    parts = sentences(text)
    assert letters("".join(parts)) == letters(clean(text))
    assert all(is_speakable(part) and part == part.strip() for part in parts)
    assert all(spoken_units(part) <= MAX_SENTENCE_UNITS + 1e-6 for part in parts)


@given(st.lists(st.sampled_from("ab .,!?\n-—。é漢5%'\"()Dr"), max_size=900).map("".join))
def test_nothing_is_lost_from_text_full_of_marks(text: str) -> None:
    assert letters("".join(sentences(text))) == letters(clean(text))


@given(st.text(max_size=500))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)
