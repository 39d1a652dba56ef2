"""Chooses how much of a conversation a model is shown: the newest turns that its context holds."""

from collections.abc import Awaitable, Callable, Sequence

from services.common.language_models.problems import ContextExceeded
from services.common.language_models.provider import Message, ModelInfo
from services.common.language_models.token_estimate import most_tokens

_BYTES_PER_TOKEN_MAX = 16
"""More is not seen in any conversation, averaged over a context."""
CountTokens = Callable[[Sequence[Message]], Awaitable[int]]


def prompt_budget(context_tokens: int, answer_tokens: int) -> int:
    """What a prompt may take: room is left for the answer, at most a quarter of the context."""
    return context_tokens - min(answer_tokens, context_tokens // 4)


async def fit(
    messages: Sequence[Message], info: ModelInfo, *, answer_tokens: int, count: CountTokens
) -> list[Message]:
    """The system prompt, if there is one, and the newest turns that go beside it.

    Whatever fits by its bytes is not counted; else the cut is found by halves. Raises ContextExceeded where
    the last message alone is too much.
    """
    budget = prompt_budget(info.context_tokens, answer_tokens)
    if most_tokens(messages) <= budget:
        return list(messages)
    system = [message for message in messages[:1] if message.role == "system"]
    ways = [[*system, *messages[cut:]] for cut in _cuts(messages, len(system), _BYTES_PER_TOKEN_MAX * budget)]
    low, high, middle = 0, len(ways), 0  # ways[low:high] may be the longest that fits; the first try is all
    while low < high:
        if await count(ways[middle]) <= budget:
            high = middle
        else:
            low = middle + 1
        middle = (low + high) // 2
    if low == len(ways):
        raise ContextExceeded(context_tokens=info.context_tokens)
    return ways[low]


def _cuts(messages: Sequence[Message], first: int, bytes_max: int) -> list[int]:
    """Where the kept part may begin, the oldest first: at a user's message, at the latest at the last one.

    What has more than `bytes_max` after it is left out, so that a month's talk is not sent to be counted.
    """
    last = len(messages) - 1
    cuts, size = [], 0
    for at in range(last, first - 1, -1):
        size += len(messages[at].content.encode())
        if at < last and size > bytes_max:
            break
        if at in (first, last) or messages[at].role == "user":
            cuts.append(at)
    return cuts[::-1]
