"""The recordings that other tests measure against are there and as long as they should be."""

import pytest

from tests.support.recordings import beckett, two_cities


@pytest.mark.slow
def test_the_recordings_decode_to_their_full_length() -> None:
    assert len(beckett().samples()) == pytest.approx(9.963 * 16_000, abs=160)
    assert len(two_cities().samples()) == pytest.approx(44.374 * 16_000, abs=160)
