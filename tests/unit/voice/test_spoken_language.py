"""The language of a stream is learnt from what was said, and helps with the next few words."""

from services.voice.listening.spoken_language import SpokenLanguage


def test_nothing_is_known_at_first() -> None:
    assert SpokenLanguage().hint(1.0) is None


def test_a_long_utterance_tells_the_language_of_the_short_ones_after_it() -> None:
    spoken = SpokenLanguage()
    spoken.heard("en", 2.5)
    assert spoken.hint(1.0) == "en"
    assert spoken.hint(2.5) is None, "it is long enough to be in another language"


def test_one_short_utterance_may_be_mistaken_and_two_alike_are_believed() -> None:
    spoken = SpokenLanguage()
    spoken.heard("ja", 0.8)
    assert spoken.hint(0.8) is None
    spoken.heard("en", 0.8)
    assert spoken.hint(0.8) is None
    spoken.heard("en", 1.2)
    assert spoken.hint(0.8) == "en"


def test_a_long_utterance_in_another_language_changes_it() -> None:
    spoken = SpokenLanguage()
    spoken.heard("en", 3.0)
    spoken.heard("de", 3.0)
    spoken.heard(None, 3.0)
    assert spoken.hint(1.0) == "de"
