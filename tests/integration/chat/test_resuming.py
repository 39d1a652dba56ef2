"""Sockets that break in the middle of a reply, and go on: on the same replica and on another."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from services.chat.app import ChatParts, create_app
from services.chat.main import build_store
from tests.support.chat_app import chat_settings
from tests.support.chat_chain import FakeChain, answer_words
from tests.support.chat_socket import ChatSocket, Frame, chat_socket, text_of, token_of
from tests.support.serving import serving
from tests.support.tokens import bearer
from tests.support.valkey import ValkeyProcess

READERS = 20
DROPS_EACH = 10
QUESTION = "be slow and say 150 words"
WHOLE = answer_words(QUESTION)


@pytest.fixture(name="replicas")
async def replicas_fixture(valkey: ValkeyProcess) -> AsyncIterator[tuple[str, str]]:
    """Two chat services over one store: what one writes, the other has to follow."""
    settings = chat_settings(
        redis_url=valkey.url,
        chat_shutdown_seconds=1,
        chat_generations_running_max=READERS,
        chat_lease_seconds=10,
    )
    apps = [create_app(settings, ChatParts(build_store(settings), FakeChain())) for _ in range(2)]
    async with serving(apps[0]) as first, serving(apps[1]) as second:
        yield first, second


class Reader:
    """A client that loses its connection now and then, and asks for what comes after the last it has."""

    def __init__(self, number: int, replicas: tuple[str, str]) -> None:
        self.frames: list[Frame] = []
        self.drops = [0, 0]
        self._replicas = replicas
        self._token = token_of(bearer(f"user-{number}"))
        self._session = f"session-{number}"
        self._random = random.Random(number)  # noqa: S311 - where to break is no secret

    @property
    def last_seq(self) -> int:
        return int(self.frames[-1]["seq"]) if self.frames else 0

    async def read(self) -> None:
        reply_id: str | None = None
        places = sorted(self._random.sample(range(1, len(WHOLE)), DROPS_EACH))
        for number, place in enumerate([*places, None]):
            replica = number % 2
            async with chat_socket(
                self._replicas[replica], token=self._token, session_id=self._session
            ) as socket:
                await socket.receive()
                if reply_id is None:
                    await socket.send(type="message", content=QUESTION, id="m1")
                    reply_id = (await socket.receive())["message_id"]
                else:
                    await socket.send(type="resume", message_id=reply_id, after_seq=self.last_seq)
                if place is not None:
                    await self._read_to(socket, place)
                    socket.connection.transport.abort()
                    self.drops[replica] += 1
                else:
                    self.frames += await socket.until("done", "error")

    async def _read_to(self, socket: ChatSocket, seq: int) -> None:
        while self.last_seq < seq:
            self.frames.append(await socket.receive())


async def test_two_hundred_broken_sockets_lose_nothing_and_repeat_nothing(replicas: tuple[str, str]) -> None:
    readers = [Reader(number, replicas) for number in range(READERS)]
    await asyncio.gather(*(reader.read() for reader in readers))
    drops = [sum(reader.drops[replica] for reader in readers) for replica in range(2)]
    assert drops == [100, 100]
    for reader in readers:
        *deltas, done = reader.frames
        assert (done["type"], done["finish_reason"]) == ("done", "stop")
        assert [frame["seq"] for frame in reader.frames] == list(range(1, len(WHOLE) + 2))
        assert text_of(deltas) == "".join(WHOLE)


async def test_a_reply_that_has_ended_is_had_again_from_any_seq_on_any_replica(
    replicas: tuple[str, str],
) -> None:
    async with chat_socket(replicas[0], session_id="s") as socket:
        await socket.receive()
        ack, *reply = await socket.say("say 9 words")
    for url in replicas:
        async with chat_socket(url, session_id="s") as socket:
            await socket.receive()
            for after_seq in (0, 4, 9):
                await socket.send(type="resume", message_id=ack["message_id"], after_seq=after_seq)
                assert await socket.until("done") == reply[after_seq:]
            await socket.send(type="resume", message_id=ack["message_id"], after_seq=1_000)
            assert await socket.receive() == reply[-1], "its ending is told in any case"


async def test_a_reply_is_cancelled_from_another_replica(replicas: tuple[str, str]) -> None:
    async with chat_socket(replicas[0], session_id="s") as here, chat_socket(replicas[1]) as there:
        await here.receive()
        await there.receive()
        await here.send(type="message", content="be slow and say 2000 words")
        *_, delta = await here.until("delta")
        await there.send(type="cancel", message_id=delta["message_id"])
        assert (await here.until("done", "error"))[-1]["finish_reason"] == "cancelled"
