"""Cuts a reply into phrases while it is being written: each can be spoken before the next is there. Pure.

The first phrase is cut sooner than the others, at a clause: until it is spoken there is silence.
"""

import re
from dataclasses import dataclass

from services.voice.synthesis.sentences import first_end

_FIRST_CLAUSE = re.compile(r"[,;:—–][\"'”’)]*(?=\s)")
_FIRST_CLAUSE_MIN_CHARS = 8
_FIRST_MAX_CHARS = 48
"""A first phrase without a mark is cut between words here: some three seconds of speech."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """`end`: how many characters of the reply lie before its end."""

    text: str
    end: int


class Phrasing:
    def __init__(self) -> None:
        self._waiting = ""
        self._end = 0
        self._is_first = True

    def feed(self, delta: str) -> list[Phrase]:
        self._waiting += delta
        found = []
        while (cut := self._cut()) is not None:
            found.append(self._take(cut))
        return found

    def finish(self) -> list[Phrase]:
        """The rest, when the reply is whole."""
        return [self._take(len(self._waiting))] if self._waiting.strip() else []

    def _cut(self) -> int | None:
        sentence = first_end(self._waiting)
        if not self._is_first or (sentence is not None and sentence <= _FIRST_MAX_CHARS):
            return sentence
        return self._first_cut() or sentence

    def _first_cut(self) -> int | None:
        for match in _FIRST_CLAUSE.finditer(self._waiting, _FIRST_CLAUSE_MIN_CHARS):
            return match.end()
        if len(self._waiting) <= _FIRST_MAX_CHARS:
            return None
        space = self._waiting.rfind(" ", _FIRST_CLAUSE_MIN_CHARS, _FIRST_MAX_CHARS)
        return space + 1 if space > 0 else None

    def _take(self, cut: int) -> Phrase:
        text, self._waiting = self._waiting[:cut], self._waiting[cut:]
        self._end += cut
        self._is_first = self._is_first and not text.strip()
        return Phrase(text, self._end)
