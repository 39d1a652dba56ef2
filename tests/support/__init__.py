"""What tests share: contracts that every adapter of a seam must keep, clocks, recordings."""

import pytest

pytest.register_assert_rewrite(
    "tests.support.transcription_contract",
    "tests.support.synthesis_contract",
)
