"""Processes killed, frozen and started again under load: what was acknowledged is there, once, in order.

Real processes throughout: two replicas of the chat service, Valkey, a model server that follows a script.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import WebSocketException

from tests.support.chat_chain import answer
from tests.support.chat_socket import chat_socket, token_of
from tests.support.own_process import OwnProcess, chat_process, scripted_model
from tests.support.tokens import bearer
from tests.support.valkey import ValkeyProcess

pytestmark = pytest.mark.slow

CHAT = "/api/v1/chat"
CHAT_KILLS, REDIS_KILLS = 50, 20
CLIENTS_EACH = 4
_PAUSE_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0
UNBOUNDED = {
    "CHAT_MESSAGES_PER_MINUTE": "60000",
    "CHAT_GENERATIONS_PER_USER": "1000",
    "CHAT_GENERATIONS_RUNNING_MAX": "100",
    "CHAT_HISTORY_MESSAGES_MAX": "100000",
    "CHAT_LEASE_SECONDS": "2",
    "CHAT_SHUTDOWN_SECONDS": "1",
}


@dataclass
class Stage:
    redis: ValkeyProcess
    model: OwnProcess
    replicas: tuple[OwnProcess, OwnProcess]


@pytest.fixture(name="stage")
def stage_fixture(own_valkey: ValkeyProcess, tmp_path: Path) -> Iterator[Stage]:
    model = scripted_model()
    model.start()
    one, two = (
        chat_process(own_valkey.url, f"{model.url}/v1", tmp_path / f"chat-{n}.log", **UNBOUNDED)
        for n in range(2)
    )
    for replica in (one, two):
        replica.launch()
    for replica in (one, two):
        replica.wait()
    yield Stage(own_valkey, model, (one, two))
    for process in (one, two, model):
        process.kill()


@dataclass(eq=False)
class Client:
    """Says one message after the other; says each again, with the same id, until it is acknowledged."""

    name: str
    stage: Stage
    acknowledged: list[str] = field(default_factory=list)
    refusals: int = 0
    _random: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - no secret

    def __post_init__(self) -> None:
        self.headers = bearer(self.name)
        self.session = f"session-of-{self.name}"
        self.http = httpx.AsyncClient(headers=self.headers, timeout=10)

    async def talk(self, say: "Say", enough: asyncio.Event) -> None:
        number = 0
        while not enough.is_set():
            message = f"message {number} of {self.name}"
            while not await self._said(say, message, f"m-{number}"):
                self.refusals += 1
                await asyncio.sleep(_PAUSE_SECONDS)
            self.acknowledged.append(message)
            number += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _said(self, say: "Say", message: str, message_id: str) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await say(self, self._random.choice(self.stage.replicas).url, message, message_id)
        except (httpx.HTTPError, WebSocketException, OSError):
            return False

    async def history(self) -> list[dict[str, Any]]:
        """All of it, oldest first."""
        found: list[dict[str, Any]] = []
        url = f"{self.stage.replicas[0].url}{CHAT}/history/{self.session}"
        before: str | None = None
        while True:
            query = {"limit": "200"} | ({"before": before} if before else {})
            page = (await self.http.get(url, params=query)).json()
            found = [*page["messages"], *found]
            before = page["next_before"]
            if before is None:
                return found


Say = Callable[[Client, str, str, str], Awaitable[bool]]


async def by_rest(client: Client, url: str, message: str, message_id: str) -> bool:
    body = {"message": message, "session_id": client.session, "idempotency_key": message_id}
    reply = await client.http.post(f"{url}{CHAT}", json=body)
    if reply.status_code == 200:
        assert reply.json()["reply"] == answer(message)
        return True
    return False


async def by_socket(client: Client, url: str, message: str, message_id: str) -> bool:
    """Acknowledged is enough: the reply is not waited for."""
    token = token_of(client.headers)
    async with chat_socket(url, token=token, session_id=client.session, open_timeout=5) as socket:
        await socket.receive()
        await socket.send(type="message", content=message, id=message_id)
        answered = await socket.receive()
    return bool(answered["type"] == "ack")


async def kill_again_and_again(process: OwnProcess | ValkeyProcess, times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311 - no secret
        process.kill()
        await asyncio.to_thread(process.start)


async def test_what_was_acknowledged_survives_fifty_kills_of_chat_and_twenty_of_redis(stage: Stage) -> None:
    says = {"rest": by_rest, "socket": by_socket}
    clients = {Client(f"{way}-{n}", stage): say for way, say in says.items() for n in range(CLIENTS_EACH)}
    enough = asyncio.Event()
    talking = [asyncio.create_task(client.talk(say, enough)) for client, say in clients.items()]
    one, two = stage.replicas
    await asyncio.gather(
        kill_again_and_again(one, CHAT_KILLS // 2),
        kill_again_and_again(two, CHAT_KILLS // 2),
        kill_again_and_again(stage.redis, REDIS_KILLS),
    )
    enough.set()
    await asyncio.gather(*talking)
    assert sum(client.refusals for client in clients) > 0, "the kills were not felt"
    for client in clients:
        await judge(client)
        await client.http.aclose()


async def judge(client: Client) -> None:
    history = await client.history()
    said = [message["content"] for message in history if message["role"] == "user"]
    assert said == client.acknowledged
    by_id = {message["id"]: message for message in history}
    assert len(by_id) == len(history)
    replies = [message for message in history if message["role"] == "assistant"]
    questions = [reply["in_reply_to"] for reply in replies]
    assert len(set(questions)) == len(questions), "a message is answered once"
    for reply in replies:
        assert reply["content"] == answer(by_id[reply["in_reply_to"]]["content"]), "never half a reply"


async def test_a_frozen_redis_is_an_answer_and_its_return_is_noticed(stage: Stage) -> None:
    url = stage.replicas[0].url
    async with (
        httpx.AsyncClient(base_url=url, headers=bearer("ann"), timeout=20) as http,
        chat_socket(url, session_id="s") as socket,
    ):
        await socket.receive()
        assert (await http.post(CHAT, json={"message": "before", "session_id": "s"})).status_code == 200
        stage.redis.freeze()
        refused = await http.post(CHAT, json={"message": "during", "session_id": "s"})
        [error] = await socket.say("during, by socket", id="m1")
        for problem in (refused.json(), error["problem"]):
            assert (problem["status"], problem["type"]) == (503, "/problems/history-unavailable")
        assert (await http.get("/health/ready")).status_code == 503
        stage.redis.thaw()
        await until(lambda: answers(http, "/health/ready"))
        ending = (await socket.say("after, by socket", id="m2"))[-1]
        assert ending["type"] == "done", ending
        assert (await http.post(CHAT, json={"message": "after", "session_id": "s"})).status_code == 200


async def answers(http: httpx.AsyncClient, path: str) -> bool:
    return (await http.get(path)).status_code == 200


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - another process: there is no event to wait for
            await asyncio.sleep(0.02)


async def test_one_key_twice_at_the_same_time_is_one_message_with_one_reply(stage: Stage) -> None:
    async def post(url: str, key: str) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=url, headers=bearer("ann"), timeout=30) as http:
            body = {"message": "be slow", "session_id": "s", "idempotency_key": key}
            reply = await http.post(CHAT, json=body)
            assert reply.status_code == 200, reply.text
            found: dict[str, Any] = reply.json()
            return found

    urls = [replica.url for replica in stage.replicas]
    for number in range(20):
        one, two = await asyncio.gather(*(post(url, f"key-{number}") for url in urls))
        assert one == two
    client = Client("ann", stage)
    async with httpx.AsyncClient(base_url=urls[0], headers=client.headers) as http:
        history = (await http.get(f"{CHAT}/history/s", params={"limit": 200})).json()["messages"]
    assert [message["role"] for message in history] == ["user", "assistant"] * 20


async def test_a_model_killed_in_mid_answer_ends_in_an_error_and_half_of_it_is_not_kept(stage: Stage) -> None:
    async with chat_socket(stage.replicas[0].url, session_id="s") as socket:
        await socket.receive()
        await socket.send(type="message", content="be slow and say 2000 words", id="m1")
        *_, delta = await socket.until("delta")
        stage.model.kill()
        error = (await socket.until("done", "error"))[-1]
        assert (error["type"], error["message_id"]) == ("error", delta["message_id"])
        assert (error["problem"]["status"], error["problem"]["type"]) == (503, "/problems/no-language-model")
        stage.model.start()
        assert (await socket.say("say 3 words", id="m2"))[-1]["type"] == "done"
    async with httpx.AsyncClient(base_url=stage.replicas[1].url, headers=bearer("ann")) as http:
        history = (await http.get(f"{CHAT}/history/s")).json()["messages"]
    assert [(message["role"], message["status"]) for message in history] == [
        ("user", "unanswered"),
        ("user", "answered"),
        ("assistant", "complete"),
    ]


async def test_a_reader_on_another_replica_is_told_when_the_writer_is_killed(stage: Stage) -> None:
    writer, reader = stage.replicas
    async with chat_socket(writer.url, session_id="s") as socket:
        await socket.receive()
        await socket.send(type="message", content="be slow and say 2000 words", id="m1")
        *_, delta = await socket.until("delta")
    async with chat_socket(reader.url, session_id="s") as socket:
        await socket.receive()
        await socket.send(type="resume", message_id=delta["message_id"], after_seq=delta["seq"])
        await socket.receive()
        writer.kill()
        error = (await socket.until("done", "error"))[-1]
        assert error["problem"]["type"] == "/problems/reply-interrupted"
        again = await socket.say("be slow and say 2000 words", id="m1")
        assert (again[0]["duplicate"], again[-1]["type"]) == (True, "done"), "said again, it is answered"
        assert again[0]["message_id"] != delta["message_id"]
