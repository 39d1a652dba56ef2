import numpy as np
import pytest

from services.voice.synthesis.engine import Speech
from services.voice.synthesis.leveling import SAMPLE_RATE_HZ, TARGET_RMS, gap, leveled, speaking_rms
from tests.support.speech import pitch_hz, rms_db, silence, voice


@pytest.mark.parametrize("level_db", [-40.0, -30.0, -20.0, -12.0])
def test_quiet_and_loud_voices_come_out_equally_loud(level_db: float) -> None:
    out = leveled(Speech(voice(2.0, level_db=level_db), SAMPLE_RATE_HZ))
    assert speaking_rms(out) == pytest.approx(TARGET_RMS, rel=0.02)
    assert rms_db(out) == pytest.approx(rms_db(leveled(Speech(voice(2.0), SAMPLE_RATE_HZ))), abs=0.2)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_every_rate_becomes_one_with_length_and_pitch_kept(rate_hz: int) -> None:
    out = leveled(Speech(voice(2.0, rate_hz, pitch_hz=220.0), rate_hz))
    assert out.dtype == np.float32
    assert out.size == pytest.approx(2.0 * SAMPLE_RATE_HZ, abs=2)
    assert pitch_hz(out, SAMPLE_RATE_HZ) == pytest.approx(220.0, abs=2.0)


def test_pauses_do_not_make_a_voice_louder() -> None:
    spoken = voice(1.0)
    with_pause = np.concatenate([spoken, silence(3.0), spoken])
    alone = leveled(Speech(spoken, SAMPLE_RATE_HZ))
    among_pauses = leveled(Speech(with_pause, SAMPLE_RATE_HZ))
    assert rms_db(among_pauses[: spoken.size]) == pytest.approx(rms_db(alone), abs=0.3)


def test_a_constant_offset_is_removed() -> None:
    out = leveled(Speech(voice(1.0) + np.float32(0.2), SAMPLE_RATE_HZ))
    assert abs(float(np.mean(out))) < 1e-3


def test_nothing_leaves_the_range_and_edges_are_soft() -> None:
    spikes = voice(1.0, level_db=-45.0)
    spikes[::4000] = 0.9
    out = leveled(Speech(spikes, SAMPLE_RATE_HZ))
    assert np.max(np.abs(out)) <= 0.97 + 1e-6
    assert out[0] == 0.0
    assert out[-1] == 0.0


def test_silence_stays_silence_and_the_engines_own_array_stays_as_it_was() -> None:
    assert not leveled(Speech(silence(0.5), SAMPLE_RATE_HZ)).any()
    own = voice(0.5)
    before = own.copy()
    leveled(Speech(own, SAMPLE_RATE_HZ))
    np.testing.assert_array_equal(own, before)


def test_the_pause_between_sentences_is_silent() -> None:
    assert gap().size == pytest.approx(0.2 * SAMPLE_RATE_HZ)
    assert not gap().any()
