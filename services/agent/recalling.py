"""Chooses which earlier exchanges a draft is shown: the newest, and older ones that bear on it. Pure.

A thread may be longer than any model's context. What was said long ago is found by its words: BM25 needs
no second model, and says the same on every replica. Source: Robertson and Zaragoza (2009), The
Probabilistic Relevance Framework: BM25 and Beyond, 3.2.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

from services.agent.state import Exchange

_WORD = re.compile(r"\w{3,}")
_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75


def choose_context(
    exchanges: Sequence[Exchange], question: str, *, recent: int, recalled: int
) -> list[Exchange]:
    """In the order in which they were said."""
    newest_from = max(0, len(exchanges) - recent)
    older, newest = exchanges[:newest_from], exchanges[newest_from:]
    scores = relevance(question, [f"{item['question']} {item['answer']}" for item in older])
    ranked = sorted(range(len(older)), key=lambda at: scores[at], reverse=True)[:recalled]
    return [*(older[at] for at in sorted(ranked) if scores[at] > 0), *newest]


def relevance(question: str, texts: Sequence[str]) -> list[float]:
    """A BM25 score for each text; 0 where it shares no word with the question."""
    words = [Counter(_words(text)) for text in texts]
    mean_length = sum(map(len, words)) / len(words) if words else 1.0
    wanted = set(_words(question))
    rarity = {word: _rarity(word, words) for word in wanted}
    return [_score(counts, rarity, len(counts) / max(mean_length, 1.0)) for counts in words]


def _score(counts: Counter[str], rarity: dict[str, float], relative_length: float) -> float:
    damping = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * relative_length)
    return sum(
        worth * counts[word] * (_SATURATION + 1) / (counts[word] + damping)
        for word, worth in rarity.items()
        if word in counts
    )


def _rarity(word: str, texts: Sequence[Counter[str]]) -> float:
    """The fewer texts have a word, the more it tells."""
    having = sum(word in counts for counts in texts)
    return math.log((len(texts) - having + 0.5) / (having + 0.5) + 1)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
