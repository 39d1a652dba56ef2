"""Estimates a prompt's tokens where its server cannot count them. Pure; errs on the large side.

A word is a token for every four letters, in capitals for every two; digits, punctuation and what is beyond
ASCII count by the character. Measured with a small English tokenizer: prose and code get 1.2 to 1.5 times
their number, Korean or base64 too few; what a server reports of a prompt it has read corrects that.
"""

import re
from collections.abc import Sequence

from services.common.language_models.provider import Message

_WORDS = re.compile(r"[A-Z]?[a-z]+")
_CAPITALS = re.compile(r"[A-Z]+(?![a-z])")
_SPACE_BEFORE_LETTER = re.compile(r" (?=[A-Za-z])")
_LETTERS = re.compile(r"[A-Za-z]")
_TOKENS_PER_MESSAGE = 8
"""What a chat template puts around a message: its role and the marks of beginning and end."""
_TOKENS_PER_PROMPT = 32
"""A template may have a system prompt of its own for conversations without one."""
_CORRECTION_MAX = 4.0


class TokenEstimate:
    def __init__(self) -> None:
        self._correction = 1.0

    def __call__(self, messages: Sequence[Message]) -> int:
        return min(int(self._plain(messages) * self._correction) + 1, most_tokens(messages))

    def learn(self, messages: Sequence[Message], prompt_tokens: int) -> None:
        """From a server that has read these messages. Only upwards: a server may leave out what it had."""
        seen = prompt_tokens / self._plain(messages)
        self._correction = min(_CORRECTION_MAX, max(self._correction, seen))

    def _plain(self, messages: Sequence[Message]) -> float:
        texts = sum(_text_tokens(message.content) for message in messages)
        return texts + _TOKENS_PER_MESSAGE * len(messages) + _TOKENS_PER_PROMPT


def most_tokens(messages: Sequence[Message]) -> int:
    """What no byte-level tokenizer exceeds: a token a byte. What fits by this needs no counting."""
    texts = sum(len(message.content.encode()) for message in messages)
    return texts + 2 * _TOKENS_PER_MESSAGE * len(messages) + 4 * _TOKENS_PER_PROMPT


def _text_tokens(text: str) -> float:
    words = sum((len(word) + 3) // 4 for word in _WORDS.findall(text))
    capitals = sum((len(word) + 1) // 2 for word in _CAPITALS.findall(text))
    letters = len(_LETTERS.findall(text))
    free_spaces = len(_SPACE_BEFORE_LETTER.findall(text))
    beyond_ascii = (len(text.encode()) - len(text)) / 2  # half of the bytes after a character's first
    return words + capitals + (len(text) - letters - free_spaces) + beyond_ascii
