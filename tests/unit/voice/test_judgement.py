"""What an engine returned passes for the sentence, or has failed: silence, NaN, half of it, far too much."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.voice.engines import EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest
from services.voice.synthesis.judgement import Judge
from tests.support.speech import RATE_HZ, silence, voice

SENTENCE = "The old clock in the hall has stopped again."
"""About 2.4 s at an English pace."""
USUAL_SECONDS = 2.4


def verdict(
    samples: NDArray[np.float32], *, judge: Judge | None = None, text: str = SENTENCE, **request: object
) -> str:
    asked = SpeechRequest(text, **request)  # type: ignore[arg-type]  # the test names fields by keyword
    try:
        (judge or Judge()).check(asked, Speech(samples, RATE_HZ))
    except EngineFailed as failure:
        return failure.reason
    return "ok"


def test_a_sentence_at_its_usual_length_passes() -> None:
    assert verdict(voice(USUAL_SECONDS)) == "ok"


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (silence(0.0), "empty"),
        (silence(2.4), "silence"),
        (np.full(48_000, 0.2, dtype=np.float32), "silence"),
        (np.full(48_000, np.nan, dtype=np.float32), "not_finite"),
        (voice(USUAL_SECONDS)[: RATE_HZ * 12 // 10], "too_short"),
        (np.concatenate([voice(1.2), silence(1.2)]), "too_short"),
        (voice(USUAL_SECONDS * 5), "too_long"),
    ],
    ids=["nothing", "silence", "a constant", "NaN", "half", "half and quiet", "five times"],
)
def test_what_cannot_be_the_sentence_has_failed(samples: NDArray[np.float32], reason: str) -> None:
    assert verdict(samples) == reason


def test_speed_changes_what_is_expected() -> None:
    assert verdict(voice(USUAL_SECONDS / 2), speed=2.0) == "ok"
    assert verdict(voice(USUAL_SECONDS), speed=0.5) == "too_short"


def test_a_single_word_may_be_as_short_as_it_is() -> None:
    assert verdict(voice(0.25), text="Yes.") == "ok"


def test_an_engines_own_pace_is_learnt() -> None:
    """Half of a slow voice's sentence is as long as another's whole one."""
    judge = Judge()
    slow = USUAL_SECONDS * 1.6
    assert verdict(voice(slow / 2), judge=judge) == "ok"
    for _ in range(6):
        assert verdict(voice(slow), judge=judge) == "ok"
    assert verdict(voice(slow / 2), judge=judge) == "too_short"


def test_each_language_has_a_pace_of_its_own() -> None:
    judge = Judge()
    for _ in range(6):
        assert verdict(voice(USUAL_SECONDS), judge=judge) == "ok"
    french = "Beaucoup d'eau a coulé sous les ponts."
    assert verdict(voice(1.45), judge=judge, text=french, language="fr-FR") == "ok"
    assert verdict(voice(1.45 / 2), judge=judge, text=french, language="fr-FR") == "too_short"


def test_a_language_of_which_nothing_is_known_has_the_benefit_of_the_doubt() -> None:
    """Until five sentences have told its pace."""
    judge, quick = Judge(), USUAL_SECONDS * 0.6
    assert verdict(voice(USUAL_SECONDS * 0.3), judge=judge, language="hu") == "too_short"
    for _ in range(6):
        assert verdict(voice(quick), judge=judge, language="hu") == "ok"
    assert verdict(voice(quick / 2), judge=judge, language="hu") == "too_short"
