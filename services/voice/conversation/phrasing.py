"""Cuts a reply into phrases while it is being written: each can be spoken before the next is there. Pure.

Until the first phrase is spoken there is silence, so it is a few words. While it is heard the next is spoken,
which may be as long as that lasts, and so on until whole sentences are.
"""

import re
from dataclasses import dataclass

from services.voice.synthesis.sentences import first_end

_FIRST_MAX_CHARS = 16
_REAL_TIME_FACTOR = 0.65
"""What speaking takes of the time in which it is heard: Kokoro's on two cores while a model writes."""
_WHOLE_SENTENCES_CHARS = 90
"""From here on there is time enough for them."""
_MIN_CHARS = 5
_CLAUSE = re.compile(r"[,;:—–][\"'”’)]*(?=\s)")
_JOINT = re.compile(
    r"\s+(?=(?:and|or|but|that|which|who|because|when|where|while|if|as|to|of|in|on|at|for|with|from|by"
    r"|about|the|a|an|is|are|was|were|und|oder|aber|dass|weil|mit|von|in|et|ou|mais|que|avec|pour)\b)"
)
"""Where a speaker might take a breath: before a conjunction, a preposition, an article, a verb that joins."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """`end`: how many characters of the reply lie before its end."""

    text: str
    end: int

    @property
    def ends_sentence(self) -> bool:
        return self.text.rstrip("\"'”’)» \n").endswith((".", "!", "?", "…", "。", "！", "？"))


class Phrasing:
    def __init__(self) -> None:
        self._waiting = ""
        self._end = 0
        self._lead = 0.0
        """Characters that will be heard while the next phrase is being spoken."""

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
        limit = max(_FIRST_MAX_CHARS, int(self._lead / _REAL_TIME_FACTOR))
        if limit > _WHOLE_SENTENCES_CHARS or (sentence is not None and sentence <= limit):
            return sentence
        if self._lead and len(self._waiting) <= limit:
            return None
        return _last_end(_CLAUSE, self._waiting, limit) or _word_end(self._waiting, limit)

    def _take(self, cut: int) -> Phrase:
        text, self._waiting = self._waiting[:cut], self._waiting[cut:]
        self._end += cut
        waited = _REAL_TIME_FACTOR * len(text) if self._lead else 0.0
        self._lead = max(0.0, self._lead - waited) + len(text.strip())
        return Phrase(text, self._end)


def _word_end(text: str, limit: int) -> int | None:
    """Once more is written than may be said at once: the last joint that fits, else the last space."""
    if len(text) <= limit:
        return None
    space = text.rfind(" ", _MIN_CHARS, limit)
    return _last_end(_JOINT, text, limit) or (space + 1 if space > 0 else None)


def _last_end(pattern: re.Pattern[str], text: str, limit: int) -> int | None:
    ends = [match.end() for match in pattern.finditer(text) if _MIN_CHARS <= match.end() <= limit]
    return ends[-1] if ends else None
