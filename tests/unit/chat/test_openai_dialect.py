"""POST /v1/chat/completions and GET /v1/models, as OpenAI's own client sees them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest
from fastapi import FastAPI, Request

from services.common.language_models.answering import AnswerEvent
from services.common.language_models.provider import (
    Delta,
    Finished,
    Message,
    Restarted,
    Sampling,
    Started,
    Usage,
)
from tests.support.chat_app import chat_app
from tests.support.chat_chain import FRIENDLY, FakeChain, answer
from tests.support.chat_memory_store import MemoryStore
from tests.support.eventually import eventually
from tests.support.serving import serving
from tests.support.tokens import bearer

ANN = bearer("ann")
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
A_TOOL: list[Any] = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


@dataclass
class Scene:
    url: str
    client: openai.AsyncOpenAI
    chain: FakeChain
    store: MemoryStore

    async def post(self, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.post(
                f"{self.url}/v1/chat/completions",
                json={"model": "default", "messages": HELLO, **body},
                headers=ANN if headers is None else headers,
            )


@pytest.fixture(name="scene")
async def scene_fixture() -> AsyncIterator[Scene]:
    async with serving(_voice()) as voice:
        app, store, chain = chat_app(voice_url=voice, chat_generations_per_user=1)
        async with serving(app) as url:
            client = openai.AsyncOpenAI(
                api_key=ANN["Authorization"].removeprefix("Bearer "), base_url=f"{url}/v1", max_retries=0
            )
            yield Scene(url, client, chain, store)
            await client.close()


def _voice() -> FastAPI:
    app = FastAPI()

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        assert request.headers["authorization"] == ANN["Authorization"]
        speech = {"id": "whisper-1", "object": "model", "created": 1, "owned_by": "parley"}
        return {"object": "list", "data": [speech, {**speech, "id": "fake-1", "owned_by": "nobody"}]}

    return app


async def test_a_whole_answer(scene: Scene) -> None:
    completion = await scene.client.chat.completions.create(model="fake-1", messages=HELLO)
    usage = completion.usage
    [choice] = completion.choices
    assert choice.message.content == answer("Hello")
    assert choice.finish_reason == "stop"
    assert completion.model == "fake-1"
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0


async def test_an_answer_in_chunks_has_its_usage_only_if_that_was_asked_for(scene: Scene) -> None:
    for include in (False, True):
        stream = await scene.client.chat.completions.create(
            model="default", messages=HELLO, stream=True, stream_options={"include_usage": include}
        )
        chunks = [chunk async for chunk in stream]
        choices = [choice for chunk in chunks for choice in chunk.choices]
        assert choices[0].delta.role == "assistant"
        assert "".join(choice.delta.content or "" for choice in choices) == answer("Hello")
        assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
        assert {chunk.id for chunk in chunks} == {chunks[0].id}
        assert [chunk.usage is not None for chunk in chunks] == [*[False] * (len(chunks) - 1), include]


async def test_who_answered_is_in_the_headers(scene: Scene) -> None:
    for stream in (False, True):
        reply = await scene.post(stream=stream)
        assert reply.headers["x-provider"] == "fake"
        assert reply.headers["x-degraded"] == "false"


async def test_what_is_sent_reaches_the_model_as_it_was_sent(scene: Scene) -> None:
    reply = await scene.post(
        messages=[
            {"role": "developer", "content": "Be brief.", "name": "house"},
            {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": ""},
        ],
        max_completion_tokens=7,
        temperature=0,
        top_p=0.5,
        seed=3,
        stop="END",
        presence_penalty=1,
        user="somebody",
        a_field_of_next_year={"x": 1},
    )
    assert reply.status_code == 200
    assert scene.chain.asked[-1] == [
        Message("system", "Be brief."),
        Message("user", "One\ntwo"),
        Message("assistant", "Yes?"),
        Message("user", ""),
    ]
    assert scene.chain.sampling[-1] == Sampling(
        max_tokens=7, temperature=0, top_p=0.5, seed=3, presence_penalty=1, stop=("END",)
    )


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, None),
        ({"model": ""}, "model"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 2}, "n"),
        ({"stop": ["a", "b", "c", "d", "e"]}, None),
        ({"tools": A_TOOL, "tool_choice": "required"}, "tool_choice"),
        ({"tools": A_TOOL, "tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "f"}}, "function_call"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"stream_options": {"include_usage": True}}, None),
    ],
)
async def test_what_no_model_here_does_is_refused_by_name(
    scene: Scene, body: dict[str, Any], param: str | None
) -> None:
    reply = await scene.post(**body)
    error = reply.json()["error"]
    assert reply.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert param is None or error["param"] == param
    assert scene.chain.asked == []


@pytest.mark.parametrize(
    ("body", "left_alone"),
    [
        ({"tools": A_TOOL}, "left-alone"),
        ({"tools": A_TOOL, "tool_choice": "auto", "parallel_tool_calls": True}, "left-alone"),
        ({"functions": [{"name": "f"}], "function_call": "auto"}, "left-alone"),
        ({"tools": A_TOOL, "tool_choice": "none"}, None),
        ({"tools": []}, None),
    ],
)
async def test_tools_that_are_only_offered_are_left_alone_and_the_headers_say_so(
    scene: Scene, body: dict[str, Any], left_alone: str | None
) -> None:
    for stream in (False, True):
        reply = await scene.post(stream=stream, **body)
        assert reply.status_code == 200
        assert reply.headers.get("x-tools") == left_alone
    assert scene.chain.asked == [[Message("user", "Hello")]] * 2


async def test_half_a_character_is_refused(scene: Scene) -> None:
    body = b'{"model": "default", "messages": [{"role": "user", "content": "\\ud800"}]}'
    async with httpx.AsyncClient() as client:
        reply = await client.post(
            f"{scene.url}/v1/chat/completions",
            content=body,
            headers={**ANN, "Content-Type": "application/json"},
        )
    assert reply.status_code == 400
    assert "surrogate" in reply.json()["error"]["message"]


async def test_failures_are_the_errors_that_the_stock_client_knows(scene: Scene) -> None:
    ask = scene.client.chat.completions.create
    with pytest.raises(openai.InternalServerError) as raised:
        await ask(model="default", messages=[{"role": "user", "content": "fail"}])
    assert raised.value.status_code == 503
    assert FRIENDLY in raised.value.message
    stranger = scene.client.with_options(api_key="not a token")
    with pytest.raises(openai.AuthenticationError):
        await stranger.chat.completions.create(model="default", messages=HELLO)
    with pytest.raises(openai.NotFoundError) as missing:
        await scene.client.models.retrieve("gpt-9")
    assert missing.value.code == "model_not_found"


async def test_a_token_without_the_scope_is_not_permitted(scene: Scene) -> None:
    reply = await scene.post(bearer("ann", ("voice:transcribe",)))
    assert reply.status_code == 403
    assert reply.json()["error"]["type"] == "permission_error"


@pytest.mark.parametrize("how", ["the model breaks off", "another model would have to begin anew"])
async def test_a_stream_that_breaks_is_an_error_and_never_done(scene: Scene, how: str) -> None:
    half: list[AnswerEvent] = [Started("a", "m", degraded=False), Delta("Half")]
    anew: list[AnswerEvent] = [Restarted(), Started("b", "n", degraded=True), Delta("Whole")]
    scene.chain.script = half if how == "the model breaks off" else [*half, *anew]
    stream = await scene.client.chat.completions.create(model="default", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        [chunk async for chunk in stream]
    reply = await scene.post(stream=True)
    assert "Half" in reply.text
    assert "[DONE]" not in reply.text
    assert 'finish_reason":"stop' not in reply.text


async def test_a_whole_answer_survives_what_a_stream_could_not(scene: Scene) -> None:
    scene.chain.script = [
        Started("a", "m", degraded=False),
        Delta("Half"),
        Restarted(),
        Started("b", "n", degraded=True),
        Delta("Whole"),
        Finished(Usage(3, 1), "length"),
    ]
    reply = await scene.post()
    assert reply.json()["choices"][0]["message"]["content"] == "Whole"
    assert reply.json()["choices"][0]["finish_reason"] == "length"
    assert reply.json()["model"] == "n"
    assert reply.headers["x-degraded"] == "true"


async def test_a_client_that_goes_ends_the_models_work_and_frees_its_place(scene: Scene) -> None:
    slow: list[Any] = [{"role": "user", "content": "be slow and say 100000 words"}]
    stream = await scene.client.chat.completions.create(model="default", messages=slow, stream=True)
    await anext(aiter(stream))
    assert scene.chain.answering == 1
    with pytest.raises(openai.RateLimitError):
        await scene.client.chat.completions.create(model="default", messages=HELLO)
    await stream.close()
    await eventually(lambda: scene.chain.answering == 0)
    for content in ("hang", "be slow and say 100000 words"):
        waiting = scene.client.with_options(timeout=0.3).chat.completions
        with pytest.raises(openai.APITimeoutError):
            await waiting.create(model="default", messages=[{"role": "user", "content": content}])
        await eventually(lambda: scene.chain.answering == 0)
    assert (await scene.post()).status_code == 200


async def test_a_user_whose_place_is_taken_on_another_replica_is_refused_and_leaves_the_model(
    scene: Scene,
) -> None:
    await scene.store.occupy("ann", "elsewhere", 60)
    refused = await scene.post(messages=[{"role": "user", "content": "hang"}])
    assert refused.status_code == 429
    await eventually(lambda: scene.chain.answering == 0)
    await scene.store.vacate("ann", "elsewhere")
    assert (await scene.post()).status_code == 200


async def test_a_second_request_of_a_user_asks_no_model_before_it_has_a_place(scene: Scene) -> None:
    slow: list[Any] = [{"role": "user", "content": "be slow and say 100000 words"}]
    stream = await scene.client.chat.completions.create(model="default", messages=slow, stream=True)
    assert (await scene.post()).status_code == 429
    assert len(scene.chain.asked) == 1
    await stream.close()


async def test_nothing_of_it_is_kept(scene: Scene) -> None:
    await scene.post()
    assert await scene.store.sessions("ann", limit=10) == ([], False)


async def test_the_list_has_the_chat_models_first_then_the_speech_models_each_once(scene: Scene) -> None:
    listed = await scene.client.models.list()
    assert [(model.id, model.owned_by) for model in listed.data] == [
        ("fake-1", "fake"),
        ("whisper-1", "parley"),
    ]
    assert (await scene.client.models.retrieve("whisper-1")).owned_by == "parley"


async def test_the_list_does_without_a_voice_service_that_is_away() -> None:
    app, _, _ = chat_app(voice_url="http://127.0.0.1:9")
    async with serving(app) as url, httpx.AsyncClient() as client:
        listed = (await client.get(f"{url}/v1/models", headers=ANN)).json()
    assert [model["id"] for model in listed["data"]] == ["fake-1"]


async def test_when_redis_is_away_the_answer_says_so(scene: Scene) -> None:
    scene.store.away = True
    reply = await scene.post()
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "history_unavailable"
