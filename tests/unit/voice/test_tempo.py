import numpy as np
import pytest

from services.voice.synthesis.tempo import stretched
from tests.support.speech import RATE_HZ, pitch_hz, rms_db, silence, voice


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.8, 1.25, 2.0, 3.0, 4.0])
def test_pace_changes_and_pitch_and_level_do_not(factor: float) -> None:
    spoken = voice(4.0, pitch_hz=200.0)
    out = stretched(spoken, RATE_HZ, factor)
    assert out.dtype == np.float32
    assert out.size == pytest.approx(spoken.size / factor, rel=0.03)
    assert pitch_hz(out) == pytest.approx(200.0, abs=6.0)
    assert rms_db(out) == pytest.approx(rms_db(spoken), abs=1.5)


def test_the_normal_pace_leaves_the_samples_alone() -> None:
    spoken = voice(0.5)
    assert stretched(spoken, RATE_HZ, 1.0) is spoken


def test_no_samples_stay_none_and_a_few_do_not_break_it() -> None:
    assert stretched(silence(0.0), RATE_HZ, 2.0).size == 0
    assert stretched(silence(0.001), RATE_HZ, 2.0).size <= 48
