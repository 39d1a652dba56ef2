"""How many words went wrong, as speech recognition counts it: jiwer over Whisper's English normaliser."""

from collections.abc import Sequence

import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

_NORMALIZER = EnglishTextNormalizer()


def english_word_error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Over all of them together: "15 dollars", "$15" and "fifteen dollars" are the same words.

    Source: Whisper (arXiv:2212.04356, appendix C).
    """
    expected, found = ([_NORMALIZER(text) for text in texts] for texts in (said, heard))
    return float(jiwer.wer(expected, found))
