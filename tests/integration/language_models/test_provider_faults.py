"""What goes wrong with a model server, in both dialects: it is named, the next one answers, nothing hangs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.common.admission import Deadline
from services.common.language_models.answer import StreamLimits
from services.common.language_models.ollama_provider import OllamaProvider
from services.common.language_models.openai_provider import OpenAIProvider
from services.common.language_models.problems import NoLanguageModel
from services.common.language_models.provider import (
    ChatProvider,
    Delta,
    Finished,
    Message,
    Restarted,
    Sampling,
    Started,
)
from tests.support.eventually import eventually
from tests.support.model_faults import Fault
from tests.support.model_server import MODEL, ModelServerProcess
from tests.support.ollama_server import OllamaServer
from tests.support.openai_server import OpenAIServer
from tests.support.providers import PATIENT, chain_over, llm_settings
from tests.support.scripted_provider import DONE, ScriptedProvider
from tests.support.serving import serving

pytestmark = [pytest.mark.slow, pytest.mark.models(MODEL)]
ASKED = [Message("user", "Count from one to twenty, in words.")]
LONG = Sampling(max_tokens=60, temperature=0.0)
REASONS = {
    Fault.MODEL_MISSING: {"no_model"},
    Fault.SERVER_ERROR: {"server_error"},
    Fault.BUSY: {"busy"},
    Fault.STALL_BEFORE_FIRST_TOKEN: {"timeout"},
    Fault.STALL_IN_THE_MIDDLE: {"timeout"},
    Fault.MALFORMED_LINE: {"malformed"},
    Fault.ERROR_LINE: {"server_error"},
    Fault.DROPPED_CONNECTION: {"cut_off"},
    Fault.ENDS_WITHOUT_DONE: {"cut_off"},
}


@dataclass
class Case:
    """A provider, and the server that it asks, which can be told to fail."""

    provider: ChatProvider
    server: OllamaServer | OpenAIServer


@pytest.fixture(name="case", params=["ollama", "openai"])
async def case_fixture(
    request: pytest.FixtureRequest, model_server: ModelServerProcess
) -> AsyncIterator[Case]:
    if request.param == "ollama":
        server: OllamaServer | OpenAIServer = OllamaServer(model_server.url)
    else:
        server = OpenAIServer(model_server.url)
    async with serving(server.app()) as url:
        asked = llm_settings(ollama_host=url, openai_base_url=f"{url}/v1", llm_inquiry_cache_seconds=0)
        provider: ChatProvider = OllamaProvider(asked) if request.param == "ollama" else OpenAIProvider(asked)
        yield Case(provider, server)
        await provider.aclose()


def limits_for(fault: Fault) -> StreamLimits:
    """Short where the silence is, patient elsewhere: the machine may be slow."""
    return StreamLimits(
        first_token_seconds=1.0 if fault is Fault.STALL_BEFORE_FIRST_TOKEN else PATIENT.first_token_seconds,
        between_tokens_seconds=3.0 if fault is Fault.STALL_IN_THE_MIDDLE else PATIENT.between_tokens_seconds,
        answer_tokens=60,
    )


async def read_into(events: list[object], stream: AsyncIterator[object]) -> None:
    async for event in stream:
        events.append(event)  # noqa: PERF401 - what comes before an error is kept


@pytest.mark.parametrize("fault", REASONS)
async def test_a_fault_is_named_and_nothing_of_a_half_reply_counts(case: Case, fault: Fault) -> None:
    case.server.fault = fault
    chain = chain_over(case.provider, limits=limits_for(fault))
    stream = chain.stream(ASKED, model=None, deadline=Deadline.after(300), sampling=LONG)
    events: list[object] = []
    with pytest.raises(NoLanguageModel) as raised:
        await read_into(events, stream)
    attempts = raised.value.members["attempts"]
    assert isinstance(attempts, dict)
    assert attempts[case.provider.name] in REASONS[fault]
    assert not any(isinstance(event, Finished) for event in events)
    await eventually(lambda: case.server.answering == 0, within_seconds=60)


@pytest.mark.parametrize("fault", REASONS)
async def test_the_next_provider_gives_the_whole_reply(case: Case, fault: Fault) -> None:
    case.server.fault = fault
    spare = ScriptedProvider("spare", "All", " of it", DONE)
    chain = chain_over(case.provider, spare, limits=limits_for(fault))
    stream = chain.stream(ASKED, model=None, deadline=Deadline.after(300), sampling=LONG)
    events = [event async for event in stream]
    assert events[-4:] == [Started("spare", "first", degraded=True), Delta("All"), Delta(" of it"), DONE]
    begun = events[:-4]
    if begun:
        assert isinstance(begun[0], Started)
        assert begun[-1] == Restarted()


async def test_who_stops_reading_stops_the_model(case: Case) -> None:
    stream = chain_over(case.provider).stream(
        ASKED, model=None, deadline=Deadline.after(300), sampling=Sampling(max_tokens=1000)
    )
    assert isinstance(await anext(stream), Started)
    assert case.server.answering == 1
    await stream.aclose()
    await eventually(lambda: case.server.answering == 0, within_seconds=60)


async def test_a_server_that_is_killed_in_mid_answer_leaves_no_hang(models_dir: Path) -> None:
    server = ModelServerProcess(models_dir)
    server.start()
    try:
        provider = OpenAIProvider(llm_settings(openai_base_url=server.openai_base_url))
        stream = chain_over(provider).stream(
            ASKED, model=None, deadline=Deadline.after(300), sampling=Sampling(max_tokens=1000)
        )
        assert isinstance(await anext(stream), Started)
        server.stop()
        with pytest.raises(NoLanguageModel):
            await read_into([], stream)
        await provider.aclose()
    finally:
        server.stop()
