"""How much of a conversation goes into a model's context."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.language_models.fitting import fit, prompt_budget
from services.common.language_models.problems import ContextExceeded
from services.common.language_models.provider import Message, ModelInfo
from services.common.language_models.token_estimate import TokenEstimate, most_tokens

SYSTEM = Message("system", "Be brief.")


class ByteCounter:
    """A byte is a token: the most there can be."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, messages: Sequence[Message]) -> int:
        self.calls += 1
        return tokens(messages)


def tokens(messages: Sequence[Message]) -> int:
    return sum(len(message.content) for message in messages)


def conversation(turns: int) -> list[Message]:
    said = [
        (Message("user", f"{n}?".ljust(200)), Message("assistant", f"{n}.".ljust(200))) for n in range(turns)
    ]
    return [message for turn in said for message in turn]


def info(context_tokens: int) -> ModelInfo:
    return ModelInfo("m", "p", context_tokens)


async def test_a_short_conversation_is_not_even_counted() -> None:
    count = ByteCounter()
    messages = [SYSTEM, *conversation(2), Message("user", "and now")]
    assert await fit(messages, info(4096), answer_tokens=512, count=count) == messages
    assert count.calls == 0


@given(turns=st.integers(0, 40), context=st.integers(600, 12_000), with_system=st.booleans())
async def test_what_is_kept_fits_and_one_turn_more_would_not(
    turns: int, context: int, with_system: bool
) -> None:
    count = ByteCounter()
    system = [SYSTEM] if with_system else []
    messages = [*system, *conversation(turns), Message("user", "last")]
    kept = await fit(messages, info(context), answer_tokens=100, count=count)
    rest = kept[len(system) :]
    budget = prompt_budget(context, 100)
    assert kept[: len(system)] == system
    assert rest == messages[len(messages) - len(rest) :]
    assert rest[0].role == "user"
    assert tokens(kept) <= budget
    if len(kept) < len(messages):
        assert tokens([*system, *messages[len(messages) - len(rest) - 2 :]]) > budget
    assert count.calls <= 8


async def test_a_long_past_is_not_sent_to_be_counted() -> None:
    messages = [*conversation(1000), Message("user", "last".ljust(200))]
    sizes: list[int] = []

    async def count(part: Sequence[Message]) -> int:
        sizes.append(tokens(part))
        return tokens(part)

    await fit(messages, info(1000), answer_tokens=100, count=count)
    assert max(sizes) <= 16 * 1000


async def test_a_question_that_is_too_long_by_itself_is_refused() -> None:
    messages = [SYSTEM, *conversation(3), Message("user", "too long " * 100)]
    with pytest.raises(ContextExceeded) as raised:
        await fit(messages, info(1000), answer_tokens=100, count=ByteCounter())
    assert raised.value.status == 422
    assert raised.value.members == {"context_tokens": 1000}


def test_room_for_the_answer_is_at_most_a_quarter_of_the_context() -> None:
    assert prompt_budget(4096, 1024) == 3072
    assert prompt_budget(1000, 1024) == 750


@given(st.text(max_size=300), st.integers(1, 2000))
def test_an_estimate_learns_upwards_and_stays_under_a_token_a_byte(text: str, reported: int) -> None:
    messages = [Message("user", text)]
    estimate = TokenEstimate()
    before = estimate(messages)
    estimate.learn(messages, reported)
    assert estimate(messages) >= min(reported, before)
    assert estimate(messages) <= most_tokens(messages)
