"""Cuts a text into sentences to be spoken one by one. Pure. Loses nothing that can be spoken.

Speech starts when the first sentence is ready, so a long one is cut at a clause, the first one sooner.
"""

import re
from collections.abc import Iterator
from itertools import accumulate

from services.voice.synthesis.speakable import LEAST_UNITS, clean, is_mark, is_speakable, spoken_units

MAX_SENTENCE_UNITS = 240.0
"""About fifteen seconds of speech in any script: how long an engine may be at work before it is heard."""
MAX_FIRST_SENTENCE_UNITS = 120.0

_ABBREVIATIONS = frozenset(
    (
        *("mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "gen", "col", "capt", "lt", "sgt", "rev", "hon"),
        *("vs", "etc", "e.g", "i.e", "cf", "vol", "fig", "approx", "dept", "est", "inc", "ltd", "co", "corp"),
        *("jan", "feb", "aug", "sept", "oct", "nov", "dec", "a.m", "p.m", "z.b", "bzw", "usw", "ca"),
    )
)
_BEFORE_A_NUMBER = frozenset({"no", "nos", "p", "pp", "vol", "ch", "fig", "nr", "art"})
_CONTEXT_CHARS = 40
"""How far from a mark its meaning is looked for; bounds the work on a hostile text."""
_CLOSING = "\"'”’»)\\]"
_END = re.compile(
    rf"(?P<stop>[.!?…]+[{_CLOSING}]*)(?=\s)|(?P<wide>[。！？]+[」』”’）]*)|(?P<line>[^\S\n]*\n\s*)"
)
_CLAUSES = (
    re.compile(rf"[.!?…]+[{_CLOSING}]*(?=\s)"),
    re.compile(r"[;:—](?=\s)|[；：]"),
    re.compile(r",(?=\s)|[，、]"),
    re.compile(r"\s"),
)


def sentences(text: str) -> list[str]:
    """Sentences in order, each with something to say, each at most MAX_SENTENCE_UNITS long."""
    found: list[str] = []
    for part in _split(clean(text)):
        limit = MAX_SENTENCE_UNITS if found else MAX_FIRST_SENTENCE_UNITS
        found.extend(piece for piece in _bounded(part, limit) if is_speakable(piece))
    return found


def first_end(text: str) -> int | None:
    """Where the first sentence ends in a text that is still being written; None while that is open.

    A mark at the very end decides nothing yet: "3." may go on as "3.14".
    """
    for match in _END.finditer(text):
        before = text[max(0, match.start() - _CONTEXT_CHARS) : match.start()]
        after = text[match.end() : match.end() + _CONTEXT_CHARS]
        if not after.strip():
            return None
        if not _goes_on(before, match, after):
            return match.end()
    return None


def _split(text: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(text):
        before = text[max(start, match.start() - _CONTEXT_CHARS) : match.start()]
        if not _goes_on(before, match, text[match.end() : match.end() + _CONTEXT_CHARS]):
            yield _on_one_line(text[start : match.end()])
            start = match.end()
    yield _on_one_line(text[start:])


def _goes_on(before: str, match: re.Match[str], after: str) -> bool:
    """Whether the sentence does not end at this mark."""
    following = after.lstrip()
    if match["line"]:
        return _is_wrapped_line(match["line"], following)
    return match["stop"] == "." and _is_abbreviation(before, following)


def _is_wrapped_line(line_break: str, following: str) -> bool:
    """One line break before a small letter: the text was set to a width, nothing ends here."""
    return line_break.count("\n") == 1 and following[:1].islower()


def _is_abbreviation(before: str, following: str) -> bool:
    """Whether a full stop belongs to an abbreviation or an initial, or is followed by a small letter."""
    words = before.split()
    word = words[-1].lstrip("(\"'“‘").lower() if words else ""
    initial = len(word) == 1 and words[-1][-1:].isupper() and (word != "i" or len(words) == 1)
    if word in _BEFORE_A_NUMBER and following[:1].isdigit():
        return True
    return word in _ABBREVIATIONS or initial or following[:1].islower()


def _on_one_line(sentence: str) -> str:
    return " ".join(sentence.split())


def _bounded(sentence: str, limit: float) -> Iterator[str]:
    while cut := _cut(sentence, limit):
        yield sentence[:cut].strip()
        sentence = sentence[cut:].strip()
        limit = MAX_SENTENCE_UNITS
    if sentence:
        yield sentence


def _cut(sentence: str, limit: float) -> int:
    """Where to end so as to stay within `limit`; 0 when the whole sentence does.

    At the last sentence, clause, comma or word end that fits and is not in the first third. Text without any
    is cut where the limit falls, but never between a letter and its accent.
    """
    head = sentence[: int(limit / LEAST_UNITS) + 1]
    fits = sum(units <= limit for units in accumulate(map(spoken_units, head)))
    if fits == len(sentence):
        return 0
    for pattern in _CLAUSES:
        ends = [match.end() for match in pattern.finditer(sentence, fits // 3, fits)]
        if ends:
            return ends[-1]
    return _between_characters(sentence, fits)


def _between_characters(sentence: str, cut: int) -> int:
    base = cut
    while base > 1 and is_mark(sentence[base]):
        base -= 1
    return base if base > 1 else cut
