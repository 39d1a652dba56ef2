"""The chain: who answers, what a failure does to the reply and to the breaker, and that nothing hangs."""

from collections.abc import Sequence

import pytest

from services.common.admission import Deadline
from services.common.circuit_breaker import BreakerState, CircuitBreaker
from services.common.language_models.answer import Link, StreamLimits
from services.common.language_models.chain import ModelChain
from services.common.language_models.problems import ContextExceeded, ModelNotFound, NoLanguageModel
from services.common.language_models.provider import (
    CONTEXT_EXCEEDED,
    NO_MODEL,
    REQUEST_REFUSED,
    Delta,
    Message,
    ProviderFailed,
    Restarted,
    Sampling,
    Started,
)
from services.common.problems import DeadlineExceeded, InvalidRequest
from tests.support.clock import FakeClock
from tests.support.scripted_provider import DONE, SILENCE, ScriptedProvider, Step

HELLO = [Message("user", "Hello")]
REFUSED = ProviderFailed("refused")
CUT_OFF = ProviderFailed("cut_off")
QUICK = StreamLimits(first_token_seconds=0.05, between_tokens_seconds=0.05, answer_tokens=100)
PATIENT = StreamLimits(first_token_seconds=30, between_tokens_seconds=30, answer_tokens=100)


def chain_of(
    *providers: ScriptedProvider, limits: StreamLimits = PATIENT, clock: FakeClock | None = None
) -> ModelChain:
    clock = clock or FakeClock()
    links = [
        Link(
            provider,
            CircuitBreaker(provider.name, failure_threshold=2, reset_timeout_seconds=60, clock=clock),
        )
        for provider in providers
    ]
    return ModelChain(links, limits, clock)


async def answer(
    chain: ModelChain,
    messages: Sequence[Message] = HELLO,
    *,
    model: str | None = None,
    seconds: float = 60.0,
    sampling: Sampling | None = None,
    refit: bool = True,
) -> list[object]:
    stream = chain.stream(
        messages,
        model=model,
        deadline=Deadline.after(seconds),
        sampling=sampling or Sampling(),
        refit=refit,
    )
    return [event async for event in stream]


async def test_the_first_provider_answers_and_the_second_is_not_asked() -> None:
    first, second = ScriptedProvider("a", "Hi", DONE), ScriptedProvider("b", "Ho", DONE)
    events = await answer(chain_of(first, second))
    assert events == [Started("a", "first", degraded=False), Delta("Hi"), DONE]
    assert second.asked == []


@pytest.mark.parametrize(
    "script",
    [
        pytest.param((REFUSED,), id="refused"),
        pytest.param((ProviderFailed(NO_MODEL),), id="its model is missing"),
        pytest.param((), id="ends at once, without being done"),
        pytest.param((SILENCE,), id="says nothing"),
    ],
)
async def test_a_provider_that_fails_before_its_first_token_is_followed_by_the_next(
    script: tuple[Step, ...],
) -> None:
    chain = chain_of(ScriptedProvider("a", *script), ScriptedProvider("b", "Ho", DONE), limits=QUICK)
    assert await answer(chain) == [Started("b", "first", degraded=True), Delta("Ho"), DONE]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(("Half", CUT_OFF), id="dropped"),
        pytest.param(("Half",), id="ends without being done"),
        pytest.param(("Half", SILENCE), id="falls silent"),
    ],
)
async def test_a_provider_that_fails_in_mid_answer_voids_it_and_the_next_begins_anew(
    script: tuple[Step, ...],
) -> None:
    chain = chain_of(ScriptedProvider("a", *script), ScriptedProvider("b", "Whole", DONE), limits=QUICK)
    assert await answer(chain) == [
        Started("a", "first", degraded=False),
        Delta("Half"),
        Restarted(),
        Started("b", "first", degraded=True),
        Delta("Whole"),
        DONE,
    ]


async def test_a_connection_that_was_closed_in_the_moment_of_use_is_made_anew_once() -> None:
    provider = ScriptedProvider("a", CUT_OFF)
    chain = chain_of(provider)
    with pytest.raises(NoLanguageModel):
        await answer(chain)
    assert len(provider.asked) == 2
    provider.recovers_with = ("Hi", DONE)
    assert await answer(chain) == [Started("a", "first", degraded=False), Delta("Hi"), DONE]


async def test_nothing_is_voided_before_there_is_something_in_its_place() -> None:
    chain = chain_of(ScriptedProvider("a", "Half", CUT_OFF), ScriptedProvider("b", REFUSED))
    stream = chain.stream(HELLO, model=None, deadline=Deadline.after(60))
    assert [await anext(stream), await anext(stream)] == [
        Started("a", "first", degraded=False),
        Delta("Half"),
    ]
    with pytest.raises(NoLanguageModel):
        await anext(stream)


async def test_when_all_are_down_a_friendly_503_says_how_each_failed() -> None:
    chain = chain_of(ScriptedProvider("a", REFUSED), ScriptedProvider("b", ProviderFailed("server_error")))
    with pytest.raises(NoLanguageModel) as raised:
        await answer(chain)
    assert raised.value.status == 503
    assert raised.value.members["attempts"] == {"a": "refused", "b": "server_error"}
    assert int(raised.value.headers["Retry-After"]) >= 1


async def test_an_open_breaker_is_not_asked_until_its_probe_which_one_token_satisfies() -> None:
    clock = FakeClock()
    first = ScriptedProvider("a", REFUSED)
    chain = chain_of(first, ScriptedProvider("b", "Ho", DONE), clock=clock)
    for _ in range(3):
        await answer(chain)
    assert len(first.asked) == 2
    assert chain.status() == {"a": BreakerState.OPEN, "b": BreakerState.CLOSED}
    clock.advance(60)
    first.script = ("Hi", "again", DONE)
    stream = chain.stream(HELLO, model=None, deadline=Deadline.after(60))
    await anext(stream)
    assert chain.status()["a"] is BreakerState.CLOSED  # a long answer does not keep the others waiting
    await stream.aclose()


async def test_a_caller_that_leaves_is_no_verdict_and_the_provider_is_told_to_stop() -> None:
    provider = ScriptedProvider("a", "Hi", "there", DONE)
    chain = chain_of(provider)
    for _ in range(5):
        stream = chain.stream(HELLO, model=None, deadline=Deadline.after(60))
        await anext(stream)
        await stream.aclose()
    assert provider.closed_early == 5
    assert chain.status()["a"] is BreakerState.CLOSED


@pytest.mark.parametrize("reason", [CONTEXT_EXCEEDED, REQUEST_REFUSED])
async def test_a_request_that_is_at_fault_itself_opens_no_breaker(reason: str) -> None:
    chain = chain_of(ScriptedProvider("a", ProviderFailed(reason)))
    expected = ContextExceeded if reason == CONTEXT_EXCEEDED else InvalidRequest
    for _ in range(5):
        with pytest.raises(expected):
            await answer(chain)
    assert chain.status()["a"] is BreakerState.CLOSED


async def test_a_providers_queue_is_not_its_death() -> None:
    clock = FakeClock()
    busy = ScriptedProvider("a", "Hi", DONE)
    chain = chain_of(busy, ScriptedProvider("b", "Ho", DONE), limits=QUICK, clock=clock)
    await answer(chain)
    busy.script = (SILENCE,)
    for _ in range(5):  # by the fake clock it spoke to somebody just now
        assert Started("b", "first", degraded=True) in await answer(chain)
    assert chain.status()["a"] is BreakerState.CLOSED


async def test_the_callers_own_deadline_ends_it_and_blames_nobody() -> None:
    chain = chain_of(ScriptedProvider("a", SILENCE))
    for _ in range(5):
        with pytest.raises(DeadlineExceeded):
            await answer(chain, seconds=0.02)
    assert chain.status()["a"] is BreakerState.CLOSED


async def test_a_named_model_is_asked_of_the_provider_that_has_it() -> None:
    first, second = ScriptedProvider("a", "Hi", DONE), ScriptedProvider("b", "Ho", DONE, models=["large"])
    events = await answer(chain_of(first, second), model="large")
    assert events[0] == Started("b", "large", degraded=False)


async def test_a_named_model_whose_provider_went_away_is_stood_in_for_and_the_answer_says_so() -> None:
    first, second = ScriptedProvider("a", "Hi", DONE), ScriptedProvider("b", "Ho", DONE, models=["large"])
    chain = chain_of(first, second)
    await answer(chain, model="large")
    second.away = REFUSED
    assert (await answer(chain, model="large"))[0] == Started("a", "first", degraded=True)


async def test_a_model_that_nobody_was_ever_found_to_have_is_not_found() -> None:
    first, second = ScriptedProvider("a", "Hi", DONE), ScriptedProvider("b", "Ho", DONE)
    second.away = REFUSED
    for _ in range(5):
        with pytest.raises(ModelNotFound):
            await answer(chain_of(first, second), model="gpt-4o")
    assert first.asked == []


async def test_an_answer_has_a_bound_unless_its_caller_sets_another() -> None:
    provider = ScriptedProvider("a", "Hi", DONE)
    await answer(chain_of(provider))
    await answer(chain_of(provider), sampling=Sampling(max_tokens=5))
    assert [sampling.max_tokens for sampling in provider.sampling] == [100, 5]


async def test_a_provider_that_takes_over_gets_what_its_own_smaller_context_holds() -> None:
    messages = [
        *(Message("user", "word " * 50), Message("assistant", "word " * 50)) * 4,
        Message("user", "word " * 20),
    ]
    small = ScriptedProvider("b", "Ho", DONE, context_tokens=200)
    chain = chain_of(ScriptedProvider("a", REFUSED), small)
    await answer(chain, messages)
    assert list(small.asked[0]) == messages[-3:]
    await answer(chain, messages, refit=False)
    assert list(small.asked[1]) == messages


async def test_a_conversation_is_fitted_to_the_first_provider_that_is_there() -> None:
    first = ScriptedProvider("a", "Hi", DONE, context_tokens=100_000)
    first.away = REFUSED
    chain = chain_of(first, ScriptedProvider("b", "Ho", DONE, context_tokens=200))
    history = [*(Message("user", "word " * 50), Message("assistant", "word " * 50)) * 4, *HELLO]
    fitted = await chain.fit(Message("system", "Be brief."), history, model=None)
    assert fitted == [Message("system", "Be brief."), *history[-3:]]


async def test_the_list_of_models_leaves_out_who_is_away() -> None:
    first, second = ScriptedProvider("a"), ScriptedProvider("b", models=["large", "small"])
    first.away = REFUSED
    assert [info.name for info in await chain_of(first, second).models()] == ["large", "small"]
