"""Estimates a prompt's tokens where its server cannot count them. Pure; errs on the large side.

A byte-level tokenizer never makes more tokens than the text has bytes. English prose has four to five bytes
a token, code and digits two to three, scripts beyond Latin about two; three covers most of it, and what a
server reports of a prompt it has read corrects the estimate upwards.
"""

from collections.abc import Sequence

from services.common.language_models.provider import Message

_BYTES_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 8
"""What a chat template puts around a message: its role and the marks of beginning and end."""
_TOKENS_PER_PROMPT = 16
_CORRECTION_MAX = 3.0
"""At three, a token is a byte: there can be no more."""


class TokenEstimate:
    def __init__(self) -> None:
        self._correction = 1.0

    def __call__(self, messages: Sequence[Message]) -> int:
        return int(self._plain(messages) * self._correction) + 1

    def learn(self, messages: Sequence[Message], prompt_tokens: int) -> None:
        """From a server that has read these messages. Only upwards: a server may leave out what it had."""
        seen = prompt_tokens / self._plain(messages)
        self._correction = min(_CORRECTION_MAX, max(self._correction, seen))

    def _plain(self, messages: Sequence[Message]) -> float:
        texts = sum(len(message.content.encode()) for message in messages)
        return texts / _BYTES_PER_TOKEN + _TOKENS_PER_MESSAGE * len(messages) + _TOKENS_PER_PROMPT


def most_tokens(messages: Sequence[Message]) -> int:
    """What no tokenizer exceeds: a token a byte. What fits by this needs no counting."""
    texts = sum(len(message.content.encode()) for message in messages)
    return texts + 2 * _TOKENS_PER_MESSAGE * len(messages) + 8 * _TOKENS_PER_PROMPT
