"""The stock `openai` client against the running suite, through the gateway."""

from collections.abc import Iterator

import openai
import pytest

from tests.support.local_stack import LocalStack
from tests.support.model_server import MODEL

pytestmark = pytest.mark.models(MODEL)


@pytest.fixture(name="client")
def client_fixture(stack: LocalStack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=stack.token("ann"), base_url=f"{stack.base_url}/v1", timeout=300) as client:
        yield client


def test_it_streams_a_completion(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="default",
        messages=[{"role": "user", "content": "Say hello."}],
        max_tokens=12,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text.strip()
    assert chunks[-1].usage is not None
    assert 0 < chunks[-1].usage.completion_tokens <= 12


def test_it_gets_a_whole_completion_by_a_models_name(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Say hello."}], max_tokens=8
    )
    assert completion.model == MODEL
    assert completion.choices[0].message.content


def test_it_lists_chat_models_before_speech_models(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names.index(MODEL) < names.index("whisper-1")
    assert client.models.retrieve(MODEL).id == MODEL


def test_its_errors_are_the_clients_own(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "x"}])
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(
            model="default", messages=[{"role": "user", "content": "word " * 20_000}]
        )
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="nobody").models.list()
