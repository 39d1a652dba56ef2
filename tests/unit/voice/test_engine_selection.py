"""Which engine hears an utterance, and what the reply says about it."""

import pytest

from services.voice.engines import AVAILABLE, Availability
from services.voice.transcription.engine_selection import Requested, Rule, Selection, select

BOTH = {"vosk": AVAILABLE, "whisper": AVAILABLE}
NO_VOSK = {"vosk": Availability(False, "no_model", "There is no Vosk model for en."), "whisper": AVAILABLE}
NO_WHISPER = {"vosk": AVAILABLE, "whisper": Availability(False, "no_model", "No Whisper model.")}


def chosen(
    seconds: float, availability: dict[str, Availability] = BOTH, requested: Requested = Requested.AUTO
) -> Selection:
    return select(seconds, requested=requested, threshold_seconds=5.0, availability=availability)


def test_utterance_below_the_threshold_goes_to_vosk() -> None:
    selection = chosen(4.99)
    assert selection.candidates == ["vosk", "whisper"]
    assert selection.routing.rule is Rule.BELOW_THRESHOLD


def test_utterance_at_the_threshold_goes_to_whisper() -> None:
    selection = chosen(5.0)
    assert selection.candidates == ["whisper", "vosk"]
    assert selection.routing.rule is Rule.AT_OR_ABOVE_THRESHOLD


def test_without_a_model_for_vosk_the_reply_says_why_whisper_had_it() -> None:
    selection = chosen(1.0, NO_VOSK)
    assert selection.candidates == ["whisper"]
    assert selection.routing.escalated_from == "vosk"
    assert "There is no Vosk model for en." in selection.routing.reason
    assert selection.unavailable == {"vosk": "no_model"}


def test_without_whisper_a_long_utterance_goes_to_vosk() -> None:
    selection = chosen(20.0, NO_WHISPER)
    assert selection.candidates == ["vosk"]
    assert selection.routing.escalated_from == "whisper"


@pytest.mark.parametrize("requested", [Requested.VOSK, Requested.WHISPER])
def test_a_forced_engine_has_no_stand_in(requested: Requested) -> None:
    selection = chosen(1.0, requested=requested)
    assert selection.candidates == [requested.value]
    assert selection.routing.rule is Rule.FORCED


def test_a_forced_engine_that_is_missing_leaves_nobody() -> None:
    selection = chosen(1.0, NO_VOSK, Requested.VOSK)
    assert selection.candidates == []
    assert selection.unavailable == {"vosk": "no_model"}
