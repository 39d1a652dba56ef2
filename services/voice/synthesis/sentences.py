"""Cuts a text into sentences to be spoken one by one. Pure. Loses nothing that can be spoken.

Speech starts when the first sentence is ready, so a long one is cut at a clause, the first one sooner.
"""

import re
import unicodedata
from collections.abc import Iterator

MAX_SENTENCE_CHARS = 240
"""About fifteen seconds of speech, and within Kokoro's 510 phonemes."""
MAX_FIRST_SENTENCE_CHARS = 120

_ABBREVIATIONS = frozenset(
    (
        *("mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "gen", "col", "capt", "lt"),
        *("vs", "etc", "e.g", "i.e", "cf", "no", "vol", "fig", "approx", "dept", "est"),
        *("inc", "ltd", "co"),
    )
)
_END = re.compile(r"(?P<stop>[.!?…]+[\"'”’)\]]*)(?=\s)|(?P<wide>[。！？]+[」』”’）]*)|(?P<line>\n\s*)")
_CLAUSES = (re.compile(r"[;:—](?=\s)|[；：]"), re.compile(r",(?=\s)|[，、]"), re.compile(r"\s"))


def sentences(text: str) -> list[str]:
    """Sentences in order, each with something to say, at most MAX_SENTENCE_CHARS long."""
    whole = (part for part in _split(clean(text)) if is_speakable(part))
    bounded: list[str] = []
    for part in whole:
        limit = MAX_SENTENCE_CHARS if bounded else MAX_FIRST_SENTENCE_CHARS
        bounded.extend(piece for piece in _bounded(part, limit) if is_speakable(piece))
    return bounded


def clean(text: str) -> str:
    """Without control and format characters; line breaks stay."""
    kept = (char if char in "\n\t" or unicodedata.category(char)[0] != "C" else " " for char in text)
    return "".join(kept).strip()


def is_speakable(text: str) -> bool:
    """Whether there is a letter, a digit or a symbol with a name in it."""
    return any(char.isalnum() or char in "%&@#+=$€£¥°" for char in text)


def _split(text: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(text):
        if match["stop"] and _is_abbreviation(
            text[start : match.start()], text[match.end() :], match["stop"]
        ):
            continue
        yield text[start : match.end()].strip()
        start = match.end()
    yield text[start:].strip()


def _is_abbreviation(before: str, after: str, stop: str) -> bool:
    """A full stop that ends an abbreviation or an initial, or is followed by a small letter."""
    if stop != ".":
        return False
    word = before.split()[-1].lstrip("(\"'“‘") if before.split() else ""
    following = after.lstrip()
    initial = len(word) == 1 and word.isupper() and word != "I"
    return word.lower() in _ABBREVIATIONS or initial or following[:1].islower()


def _bounded(sentence: str, limit: int) -> Iterator[str]:
    while len(sentence) > limit:
        cut = _cut(sentence, limit)
        yield sentence[:cut].strip()
        sentence = sentence[cut:].strip()
        limit = MAX_SENTENCE_CHARS
    if sentence:
        yield sentence


def _cut(sentence: str, limit: int) -> int:
    """The last clause end, comma or space within the limit, not in its first third; else the limit itself."""
    for pattern in _CLAUSES:
        ends = [match.end() for match in pattern.finditer(sentence, limit // 3, limit)]
        if ends:
            return ends[-1]
    return limit
