"""Chooses how much of a conversation a model is shown: the newest turns that its context holds."""

from collections.abc import Awaitable, Callable, Sequence

from services.common.language_models.problems import ContextExceeded
from services.common.language_models.provider import Message, ModelInfo
from services.common.language_models.token_estimate import most_tokens

CountTokens = Callable[[Sequence[Message]], Awaitable[int]]


def prompt_budget(context_tokens: int, answer_tokens: int) -> int:
    """What a prompt may take: room is left for the answer, at most a quarter of the context."""
    return context_tokens - min(answer_tokens, context_tokens // 4)


async def fit(
    messages: Sequence[Message], info: ModelInfo, *, answer_tokens: int, count: CountTokens
) -> list[Message]:
    """The system prompt, if there is one, and the newest turns that go beside it.

    Whatever fits by the bytes is not counted; else the cut is found by halves, with as many counts as the
    number of turns has binary digits. Raises ContextExceeded where the last message alone is too much.
    """
    budget = prompt_budget(info.context_tokens, answer_tokens)
    if most_tokens(messages) <= budget or await count(messages) <= budget:
        return list(messages)
    system = [message for message in messages[:1] if message.role == "system"]
    cuts = _cuts(messages, len(system))
    low, high = 0, len(cuts) - 1  # the newest cut at or after which the rest fits lies in between
    while low < high:
        middle = (low + high) // 2
        if await count([*system, *messages[cuts[middle] :]]) <= budget:
            high = middle
        else:
            low = middle + 1
    kept = [*system, *messages[cuts[low] :]]
    if low == len(cuts) - 1 and await count(kept) > budget:
        raise ContextExceeded(context_tokens=info.context_tokens)
    return kept


def _cuts(messages: Sequence[Message], first: int) -> list[int]:
    """Where the kept part may begin: at a user's message, the oldest first; never after the last message."""
    begins = [at for at in range(first, len(messages)) if messages[at].role == "user"]
    last = len(messages) - 1
    return begins if begins and begins[-1] == last else [*begins, last]
