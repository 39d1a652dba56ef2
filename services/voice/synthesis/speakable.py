"""What of a text can be spoken, and about how long that takes. Pure."""

import re
import unicodedata
from functools import lru_cache

_NAMED_SYMBOLS = frozenset("%&@#+=$€£¥₩₹¢°©®™№§")
"""Symbols that every engine says by name."""
_PICTURES = frozenset({"So", "Sk"})
_JOINERS = frozenset("\u200c\u200d")
"""Persian, Hindi and others need them inside words."""
_VARIATION_SELECTORS = frozenset("\ufe0e\ufe0f\u20e3")
_RULE = re.compile(r"([-=*_~#+.·•])\1{3,}")
"""A line drawn with characters, as in plain-text headings: nobody reads it out."""
_STRAY_JOINERS = re.compile(r"(?:^|(?<=\s))[\u200c\u200d]+")
LEAST_UNITS = 0.4
"""Of any character: a space, a bracket, an accent."""
_PAUSES = dict.fromkeys(".!?…。！？", 2.0) | dict.fromkeys(",;:，、；：", 1.5)


def clean(text: str) -> str:
    """Only what engines agree on how to say, or to pass over: no emoji, control characters, drawn lines.

    Engines name an emoji, skip it or choke on it; here it is silent whoever speaks. Line breaks stay.
    """
    kept = "".join(_kept(char) for char in unicodedata.normalize("NFC", text).replace("\r\n", "\n"))
    return _STRAY_JOINERS.sub("", _RULE.sub(" ", kept)).strip()


def _kept(char: str) -> str:
    category = unicodedata.category(char)
    if char in "\n\t\u2028\u2029\r":
        return "\t" if char == "\t" else "\n"
    if char in _JOINERS or char in _NAMED_SYMBOLS:
        return char
    if category == "Cf" or char in _VARIATION_SELECTORS:
        return ""  # a soft hyphen, a byte order mark: within a word, and silent
    return " " if category[0] == "C" or category in _PICTURES else char


def is_speakable(text: str) -> bool:
    """Whether there is a letter, a digit or a symbol with a name in it."""
    return any(char.isalnum() or char in _NAMED_SYMBOLS for char in text)


def is_mark(char: str) -> bool:
    """Whether it belongs to the character before it: an accent, a vowel sign, a joiner."""
    return unicodedata.category(char)[0] == "M" or char in _JOINERS


def spoken_units(text: str) -> float:
    """About the number of letters it takes to write the text out in full: "5" is "five", "%" is "percent"."""
    return sum(_units(char) for char in text)


@lru_cache(maxsize=4096)
def _units(char: str) -> float:
    if char.isdigit():
        return 5.0
    if char in _NAMED_SYMBOLS:
        return 6.0
    if "\u3040" <= char <= "\u30ff":  # kana: a syllable of two letters, or less
        return 1.7
    if char.isalpha():
        return 3.0 if unicodedata.east_asian_width(char) in "WF" else 1.0
    return _PAUSES.get(char, LEAST_UNITS)
