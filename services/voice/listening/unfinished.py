"""Whether a sentence is plainly finished or plainly not. Pure; used by turn_taking.py.

Recognisers put a full stop after anything, so the last word says more than the mark behind it.
"""

import re
from enum import Enum, auto

_GOES_ON = frozenset(
    (
        *("and", "or", "but", "nor", "because", "although", "unless", "whereas", "than", "if", "whether"),
        *("the", "a", "an", "my", "your", "our", "their", "its", "every", "very", "of", "into", "from"),
        *("um", "uh", "er", "erm", "hmm", "mm"),
        *("und", "oder", "aber", "weil", "dass", "der", "die", "das", "ein", "eine", "äh", "ähm"),
        *("et", "ou", "mais", "parce", "que", "le", "les", "un", "une", "des", "euh"),
        *("y", "o", "pero", "porque", "el", "los", "las", "una"),
    )
)
"""Conjunctions, articles, possessives and fillers. Prepositions that may end an English sentence are not
among them, nor is what is a word of another kind in the other language."""
_LAST_WORD = re.compile(r"([^\W\d_]+)\W*$")
_TRAILS_OFF = re.compile(r"(,|;|:|-|–|—|…|\.\.\.)\s*$")
_CLOSED = re.compile(r"[.!?。！？]['\"”’)»]*\s*$")


class Completeness(Enum):
    FINISHED = auto()
    UNCLEAR = auto()
    UNFINISHED = auto()


def completeness(text: str) -> Completeness:
    if _TRAILS_OFF.search(text):
        return Completeness.UNFINISHED
    last = _LAST_WORD.search(text)
    is_question = text.rstrip().endswith(("?", "？"))
    if last and last[1].lower() in _GOES_ON and not is_question:
        return Completeness.UNFINISHED
    return Completeness.FINISHED if _CLOSED.search(text) else Completeness.UNCLEAR
