"""What every provider of language models keeps, each with a real model behind it.

`OLLAMA_HOST` in the environment, and nothing else, points the Ollama side at a released Ollama, which brings
its own model; without it stands the test server that speaks its protocol. `OLLAMA_MODEL` may name a model.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from services.common.admission import Deadline
from services.common.language_models.ollama_provider import OllamaProvider
from services.common.language_models.openai_provider import OpenAIProvider
from services.common.language_models.provider import (
    NO_MODEL,
    ChatProvider,
    Delta,
    Finished,
    Message,
    ProviderFailed,
    Sampling,
    Started,
)
from tests.support.model_server import MODEL, ModelServerProcess
from tests.support.ollama_server import OllamaServer
from tests.support.providers import chain_over, llm_settings
from tests.support.serving import serving

pytestmark = pytest.mark.slow
RELEASED_OLLAMA = "OLLAMA_HOST" in os.environ
needs_our_model = pytest.mark.models(MODEL)
ASKED = [
    Message("system", "You answer briefly."),
    Message("user", "Name a colour. Grüße aus Köln 🌈"),
]
SHORT = Sampling(max_tokens=12, temperature=0.0, seed=1)


@pytest.fixture(
    name="provider",
    params=[
        pytest.param("ollama", marks=[] if RELEASED_OLLAMA else needs_our_model),
        pytest.param("openai", marks=needs_our_model),
    ],
)
async def provider_fixture(request: pytest.FixtureRequest) -> AsyncIterator[ChatProvider]:
    async with AsyncExitStack() as stack:
        provider: ChatProvider
        if request.param == "ollama" and RELEASED_OLLAMA:
            provider = OllamaProvider(llm_settings())
        else:
            ours: ModelServerProcess = request.getfixturevalue("model_server")
            if request.param == "ollama":
                url = await stack.enter_async_context(serving(OllamaServer(ours.url).app()))
                provider = OllamaProvider(llm_settings(ollama_host=url))
            else:
                provider = OpenAIProvider(llm_settings(openai_base_url=ours.openai_base_url))
        yield provider
        await provider.aclose()


async def answered(
    provider: ChatProvider,
    messages: list[Message] = ASKED,
    model: str | None = None,
    sampling: Sampling = SHORT,
) -> tuple[str, Finished]:
    """The text and its end; that there is one end, and nothing after it, is part of the contract."""
    chain = chain_over(provider)
    stream = chain.stream(messages, model=model, deadline=Deadline.after(300), sampling=sampling)
    started, *deltas, finished = [event async for event in stream]
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    pieces = [delta.content for delta in deltas if isinstance(delta, Delta)]
    assert len(pieces) == len(deltas)
    return "".join(pieces), finished


async def test_an_answer_is_deltas_and_then_one_end_with_its_usage(provider: ChatProvider) -> None:
    text, finished = await answered(provider)
    assert text.strip()
    assert "\ufffd" not in text
    assert finished.usage.prompt_tokens > 0
    assert finished.usage.completion_tokens > 0


async def test_an_answer_is_cut_at_the_number_of_tokens_that_was_asked_for(provider: ChatProvider) -> None:
    asked = [Message("user", "Count from one to a hundred, in words.")]
    _, finished = await answered(provider, asked, sampling=Sampling(max_tokens=5, temperature=0.0))
    assert finished.finish_reason == "length"
    assert finished.usage.completion_tokens == 5


async def test_an_answer_ends_before_a_stop_sequence(provider: ChatProvider) -> None:
    text, finished = await answered(
        provider, sampling=Sampling(max_tokens=200, temperature=0.0, stop=("e", "o", "a"))
    )
    assert not set(text) & set("eoa")
    assert finished.finish_reason == "stop"


async def test_the_same_seed_without_temperature_says_the_same(provider: ChatProvider) -> None:
    assert (await answered(provider))[0] == (await answered(provider))[0]


async def test_its_models_have_names_by_which_they_answer_and_a_context(provider: ChatProvider) -> None:
    infos = await provider.models()
    assert infos
    assert all(info.provider == provider.name for info in infos)
    assert all(info.context_tokens >= 512 for info in infos)
    default = await provider.info(None)
    assert default in infos
    assert (await answered(provider, model=default.name))[0].strip()


async def test_a_model_that_it_has_not_is_told_apart_from_every_other_failure(
    provider: ChatProvider,
) -> None:
    stream = provider.stream(ASKED, model="no-such-model", deadline=Deadline.after(300))
    for asking in (provider.info("no-such-model"), anext(stream)):
        with pytest.raises(ProviderFailed) as raised:
            await asking
        assert raised.value.reason == NO_MODEL


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Please reconsider what was said about the weather in November. " * 10, id="prose"),
        pytest.param("def f(x: int) -> dict[str, int]:\n    return {'key': x, 'PI': 31415}\n" * 8, id="code"),
    ],
)
async def test_a_prompt_is_not_counted_short(provider: ChatProvider, text: str) -> None:
    """Else a conversation that was cut to fit would not."""
    counted = await provider.count_tokens([Message("user", text)], model=None)
    _, finished = await answered(provider, [Message("user", text)], sampling=Sampling(max_tokens=1))
    assert counted >= finished.usage.prompt_tokens


async def test_a_script_that_takes_more_tokens_is_counted_rightly_once_it_was_read(
    provider: ChatProvider,
) -> None:
    asked = [Message("user", "모든 인간은 태어날 때부터 자유롭다. 你好, 🌈! " * 5)]
    _, finished = await answered(provider, asked, sampling=Sampling(max_tokens=1))
    assert await provider.count_tokens(asked, model=None) >= finished.usage.prompt_tokens


async def test_answers_at_the_same_time_do_not_mix(provider: ChatProvider) -> None:
    alone = (await answered(provider))[0]
    together = await asyncio.gather(*(answered(provider) for _ in range(3)))
    assert all(text.strip() for text, _ in together)
    assert any(text[:8] == alone[:8] for text, _ in together)


async def test_nobody_there_is_a_refusal(provider: ChatProvider) -> None:
    nowhere = llm_settings(ollama_host="127.0.0.1:9", openai_base_url="http://127.0.0.1:9/v1")
    other = type(provider)(nowhere)  # type: ignore[call-arg]
    with pytest.raises(ProviderFailed) as raised:
        await other.info(None)
    assert raised.value.reason == "refused"
    await other.aclose()
