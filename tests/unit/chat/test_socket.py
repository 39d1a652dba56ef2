"""The WebSocket: a conversation over it. A real uvicorn and a real client; a dictionary and a fake behind."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from tests.support.chat_app import chat_app
from tests.support.chat_chain import FRIENDLY, FakeChain, answer
from tests.support.chat_memory_store import MemoryStore
from tests.support.chat_socket import Frame, chat_socket, refusal, text_of, token_of
from tests.support.eventually import eventually
from tests.support.serving import serving
from tests.support.tokens import bearer

ANN = token_of(bearer("ann"))


@dataclass
class Scene:
    url: str
    app: FastAPI
    store: MemoryStore
    chain: FakeChain

    async def history(self, session_id: str) -> list[str]:
        async with httpx.AsyncClient(base_url=self.url, headers=bearer("ann")) as client:
            body = (await client.get(f"/api/v1/chat/history/{session_id}")).json()
        return [message["content"] for message in body["messages"]]


@pytest.fixture(name="scene")
async def scene_fixture() -> AsyncIterator[Scene]:
    app, store, chain = chat_app(chat_shutdown_seconds=1)
    async with serving(app) as url:
        yield Scene(url, app, store, chain)


def kinds(frames: list[Frame]) -> list[str]:
    return [frame["type"] for frame in frames]


async def test_a_message_is_acknowledged_then_answered_piece_by_piece(scene: Scene) -> None:
    async with chat_socket(scene.url, session_id="test123") as socket:
        ready = await socket.receive()
        assert (ready["type"], ready["session_id"]) == ("ready", "test123")
        ack, *deltas, done = await socket.say("Hello there", id="m1")
    assert (ack["type"], ack["id"], ack["session_id"]) == ("ack", "m1", "test123")
    assert [delta["seq"] for delta in deltas] == list(range(1, len(deltas) + 1))
    assert text_of(deltas) == answer("Hello there")
    assert (done["type"], done["finish_reason"]) == ("done", "stop")
    assert done["usage"]["completion_tokens"] > 0
    assert {frame["message_id"] for frame in (ack, *deltas, done)} == {ack["message_id"]}
    assert await scene.history("test123") == ["Hello there", answer("Hello there")]


async def test_a_socket_without_a_session_begins_one_and_says_which(scene: Scene) -> None:
    async with chat_socket(scene.url) as socket:
        session_id = (await socket.receive())["session_id"]
        await socket.say("Hello")
    assert await scene.history(session_id) == ["Hello", answer("Hello")]


async def test_the_same_message_again_is_the_same_message_with_the_same_reply(scene: Scene) -> None:
    async with chat_socket(scene.url, session_id="s") as socket:
        await socket.receive()
        first, again = await socket.say("Hello", id="m1"), await socket.say("Hello", id="m1")
        other = await socket.say("Goodbye", id="m1")
    assert (first[0]["duplicate"], again[0]["duplicate"]) == (False, True)
    assert first[1:] == again[1:]
    assert (other[0]["type"], other[0]["id"]) == ("error", "m1")
    assert other[0]["problem"]["type"] == "/problems/idempotency-key-reused"
    assert await scene.history("s") == ["Hello", answer("Hello")]


async def test_a_cancelled_reply_ends_and_is_kept_as_far_as_it_got(scene: Scene) -> None:
    async with chat_socket(scene.url, session_id="s") as socket:
        await socket.receive()
        await socket.send(type="message", content="be slow and say 1000 words")
        *_, delta = await socket.until("delta")
        await socket.send(type="cancel", message_id=delta["message_id"])
        *rest, done = await socket.until("done")
    assert done["finish_reason"] == "cancelled"
    assert (await scene.history("s"))[1] == text_of([delta, *rest])


async def test_a_reply_survives_its_socket_and_is_resumed_at_the_next_seq(scene: Scene) -> None:
    async with chat_socket(scene.url, session_id="s") as socket:
        await socket.receive()
        await socket.send(type="message", content="be slow and say 60 words")
        await socket.until("delta")
        first = [*await socket.until("delta"), *await socket.until("delta")]
    async with chat_socket(scene.url, session_id="s") as socket:
        await socket.receive()
        last = socket_seqs(first)[-1]
        await socket.send(type="resume", message_id=first[-1]["message_id"], after_seq=last)
        *rest, done = await socket.until("done")
    assert socket_seqs(rest) == list(range(last + 1, 61))
    assert done["seq"] == 61


def socket_seqs(frames: list[Frame]) -> list[int]:
    return [frame["seq"] for frame in frames if frame["type"] == "delta"]


async def test_a_reply_of_somebody_else_cannot_be_resumed_or_cancelled(scene: Scene) -> None:
    async with chat_socket(scene.url, session_id="s") as socket:
        await socket.receive()
        reply_id = (await socket.say("Hello"))[0]["message_id"]
    async with chat_socket(scene.url, token=token_of(bearer("bob"))) as socket:
        await socket.receive()
        problems = []
        for kind in ("resume", "cancel"):
            for wanted in (reply_id, "never-was"):
                await socket.send(type=kind, message_id=wanted)
                frame = await socket.receive()
                assert (frame["type"], frame["message_id"]) == ("error", wanted)
                problems.append(frame["problem"])
    assert {problem["status"] for problem in problems} == {404}
    assert all(problem == problems[0] for problem in problems)


async def test_a_ping_is_answered_with_its_id(scene: Scene) -> None:
    async with chat_socket(scene.url) as socket:
        await socket.receive()
        await socket.send(type="ping")
        await socket.send(type="ping", id="7")
        assert [await socket.receive(), await socket.receive()] == [
            {"type": "pong"},
            {"type": "pong", "id": "7"},
        ]


async def test_a_reply_that_fails_ends_in_an_error_with_the_friendly_sentence(scene: Scene) -> None:
    async with chat_socket(scene.url, session_id="s") as socket:
        await socket.receive()
        *_, error = await socket.say("break one two three four")
        assert (error["problem"]["status"], error["problem"]["detail"]) == (503, FRIENDLY)
        assert kinds(await socket.say("Hello"))[-1] == "done"
    assert await scene.history("s") == ["break one two three four", "Hello", answer("Hello")]


async def test_a_store_that_is_away_is_an_error_frame_and_the_socket_stays(scene: Scene) -> None:
    async with chat_socket(scene.url, session_id="s") as socket:
        await socket.receive()
        scene.store.away = True
        [error] = await socket.say("Hello", id="m1")
        assert (error["id"], error["problem"]["type"]) == ("m1", "/problems/history-unavailable")
        scene.store.away = False
        assert kinds(await socket.say("Hello", id="m1"))[-1] == "done"


async def test_several_replies_come_over_one_socket_at_a_time(scene: Scene) -> None:
    async with chat_socket(scene.url, session_id="s") as socket:
        await socket.receive()
        await socket.send(type="message", content="hang on", id="m1")
        held = (await socket.receive())["message_id"]
        quick = await socket.say("Hello", id="m2")
        assert held not in {frame["message_id"] for frame in quick}
        scene.chain.release.set()
        assert (await socket.until("done"))[-1]["message_id"] == held


async def test_sockets_are_counted_while_they_are_open(scene: Scene) -> None:
    async def open_now() -> bool:
        async with httpx.AsyncClient() as client:
            return "chat_sockets 1.0" in (await client.get(f"{scene.url}/metrics")).text

    async with chat_socket(scene.url) as socket:
        await socket.receive()
        assert await open_now()
    async with asyncio.timeout(10):
        while await open_now():  # noqa: ASYNC110 - the metric is all there is to see of it
            await asyncio.sleep(0.01)


async def test_a_server_that_goes_closes_its_sockets_as_a_restart(scene: Scene) -> None:
    app, _, _ = chat_app()
    async with serving(app) as url:
        context = chat_socket(url)
        socket = await context.__aenter__()
        await socket.receive()
    assert await socket.close_code() == 1012
    await context.__aexit__(None, None, None)


async def test_a_session_of_somebody_else_is_refused_as_one_that_never_was(scene: Scene) -> None:
    async with chat_socket(scene.url, session_id="anns") as socket:
        await socket.receive()
        await socket.say("Hello")
    bob = bearer("bob")
    refused = await refusal(f"{scene.url}/ws?token={token_of(bob)}&session_id=anns")
    async with httpx.AsyncClient(base_url=scene.url, headers=bob) as client:
        never_was = (await client.get("/api/v1/chat/history/never-was")).json()
    problem = json.loads(refused.response.body or b"")
    assert refused.response.status_code == 404
    own = {"instance", "request_id"}
    assert {k: v for k, v in problem.items() if k not in own} == {
        k: v for k, v in never_was.items() if k not in own
    }


async def test_nothing_of_a_closed_socket_is_left(scene: Scene) -> None:
    async with chat_socket(scene.url) as socket:
        await socket.receive()
        await socket.send(type="message", content="be slow and say 1000 words")
        *_, delta = await socket.until("delta")
    open_sockets = scene.app.state.open_sockets
    await eventually(lambda: not open_sockets._watched and not open_sockets._taken)
    feed = scene.app.state.generator.feed(delta["message_id"])
    await eventually(lambda: not feed.wanted)
