"""What a client may not do, over REST and over the WebSocket, and how it is told: one table.

The real store, a real server and real clients; only the model is a fake.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.chat.app import ChatParts, create_app
from services.chat.main import build_store
from services.common.auth import ALL_SCOPES, issue_token
from tests.support.chat_app import chat_settings
from tests.support.chat_chain import FakeChain
from tests.support.chat_socket import ChatSocket, chat_socket, refusal, token_of
from tests.support.serving import serving
from tests.support.tokens import SECRET, bearer
from tests.support.valkey import ValkeyProcess

CHAT = "/api/v1/chat"
ANN, BOB = bearer("ann"), bearer("bob")
TOKEN = token_of(ANN)
ANNS_SESSION = "anns"
PAGE = "http://localhost:8080"


@dataclass
class Scene:
    """A server that has one session, Ann's. `problems`: what clients were told, in order."""

    url: str
    problems: list[dict[str, Any]] = field(default_factory=list)

    async def rest(self, method: str, path: str, *, headers: dict[str, str] = BOB, **options: Any) -> int:
        async with httpx.AsyncClient(base_url=self.url, headers=headers) as client:
            reply = await client.request(method, path, **options)
        if reply.is_error:
            self.problems.append(reply.json())
        return reply.status_code

    async def upgrade(self, query: str, **options: Any) -> int:
        """The status that refuses it."""
        refused = (await refusal(f"{self.url}/ws?{query}", **options)).response
        self.problems.append(json.loads(refused.body or b"{}"))
        return refused.status_code

    async def frames(self, send: Callable[[ChatSocket], Awaitable[None]], token: str = TOKEN) -> int | None:
        """The code that closes a socket after it was sent these."""
        async with chat_socket(self.url, token=token) as socket:
            await socket.receive()
            await send(socket)
            code = await socket.close_code()
        self.problems += [frame["problem"] for frame in socket.frames if frame["type"] == "error"]
        return code

    async def frame(self, content: object) -> int:
        """The status in the error frame that answers one frame; the socket stays open."""
        async with chat_socket(self.url, token=TOKEN) as socket:
            await socket.receive()
            await socket.connection.send(json.dumps(content))
            error = await socket.receive()
            await socket.send(type="ping")
            assert (await socket.until("pong"))[-1] == {"type": "pong"}
        self.problems.append(error["problem"])
        return int(error["problem"]["status"])


@pytest.fixture(name="scene")
async def scene_fixture(valkey: ValkeyProcess) -> AsyncIterator[Scene]:
    settings = chat_settings(redis_url=valkey.url, chat_shutdown_seconds=1, jwt_leeway_seconds=0)
    app = create_app(settings, ChatParts(build_store(settings), FakeChain()))
    async with serving(app) as url:
        scene = Scene(url)
        opening = {"message": "Hello", "session_id": ANNS_SESSION}
        assert await scene.rest("POST", CHAT, headers=ANN, json=opening) == 200
        yield scene


def message(content: str, **more: object) -> dict[str, object]:
    return {"type": "message", "content": content, **more}


def raw(*parts: str | bytes, text: bool | None = None) -> Callable[[ChatSocket], Awaitable[None]]:
    async def send(socket: ChatSocket) -> None:
        for part in parts:
            await socket.connection.send(part, text=text)

    return send


async def used_ticket(scene: Scene) -> int:
    async with httpx.AsyncClient(base_url=scene.url, headers=ANN) as client:
        ticket = (await client.post("/api/v1/ws-ticket")).json()["ticket"]
    refused = await scene.upgrade(f"ticket={ticket}", origin="https://elsewhere.example")
    assert refused == 403, "a page from elsewhere does not use it up"
    async with chat_socket(scene.url, query={"ticket": ticket}) as socket:
        assert (await socket.receive())["type"] == "ready"
    return await scene.upgrade(f"ticket={ticket}")


async def token_that_expires(scene: Scene) -> int | None:
    brief = issue_token(SECRET, subject="ann", scopes=ALL_SCOPES, lifetime_seconds=2, now=time.time())
    return await scene.frames(raw(), token=brief)


async def a_hundred_messages_at_once(socket: ChatSocket) -> None:
    frames = [json.dumps(message(f"say {number}")) for number in range(100)]
    await asyncio.gather(*(socket.connection.send(frame) for frame in frames), return_exceptions=True)


SYSTEM = {"message": "hi", "role": "system"}
REST: list[tuple[str, Callable[[Scene], Awaitable[int | None]], int]] = [
    ("another's session: read", lambda s: s.rest("GET", f"{CHAT}/history/{ANNS_SESSION}"), 404),
    (
        "another's session: write",
        lambda s: s.rest("POST", CHAT, json={"message": "hi", "session_id": ANNS_SESSION}),
        404,
    ),
    (
        "another's session: rename",
        lambda s: s.rest("PATCH", f"{CHAT}/sessions/{ANNS_SESSION}", json={"title": "Bob's"}),
        404,
    ),
    ("another's session: delete", lambda s: s.rest("DELETE", f"{CHAT}/sessions/{ANNS_SESSION}"), 404),
    ("another's session: export", lambda s: s.rest("GET", f"{CHAT}/sessions/{ANNS_SESSION}/export"), 404),
    ("role: system", lambda s: s.rest("POST", CHAT, json=SYSTEM), 422),
    ("session *", lambda s: s.rest("POST", CHAT, json={"message": "hi", "session_id": "*"}), 422),
    ("session newline", lambda s: s.rest("POST", CHAT, json={"message": "hi", "session_id": "a\n"}), 422),
    (
        "session 10 KB",
        lambda s: s.rest("POST", CHAT, json={"message": "hi", "session_id": "a" * 10_240}),
        422,
    ),
    ("session * in the path", lambda s: s.rest("GET", f"{CHAT}/history/*"), 422),
    ("33,000 characters", lambda s: s.rest("POST", CHAT, json={"message": "x" * 33_000}), 422),
    ("bad UTF-8", lambda s: s.rest("POST", CHAT, content=b'{"message": "\xff"}'), 422),
    ("no token", lambda s: s.rest("GET", f"{CHAT}/sessions", headers={}), 401),
]
UPGRADE: list[tuple[str, Callable[[Scene], Awaitable[int | None]], int]] = [
    (
        "another's session: socket",
        lambda s: s.upgrade(f"token={token_of(BOB)}&session_id={ANNS_SESSION}"),
        404,
    ),
    ("socket: session *", lambda s: s.upgrade(f"token={TOKEN}&session_id=*"), 422),
    ("socket: session newline", lambda s: s.upgrade(f"token={TOKEN}&session_id=a%0A"), 422),
    ("socket: session 10 KB", lambda s: s.upgrade(f"token={TOKEN}&session_id={'a' * 10_240}"), 431),
    ("socket: two sessions", lambda s: s.upgrade(f"token={TOKEN}&session_id=a&session_id=b"), 422),
    ("socket: Origin null", lambda s: s.upgrade(f"token={TOKEN}", origin="null"), 403),
    ("socket: Origin elsewhere", lambda s: s.upgrade(f"token={TOKEN}", origin=f"{PAGE}.evil.example"), 403),
    ("socket: used ticket", used_ticket, 401),
    ("socket: invented ticket", lambda s: s.upgrade("ticket=abc"), 401),
    ("socket: two tokens", lambda s: s.upgrade(f"token={TOKEN}&token={token_of(BOB)}"), 401),
    (
        "socket: two tokens, two ways",
        lambda s: s.upgrade(f"token={TOKEN}", subprotocols=["bearer", token_of(BOB)]),
        401,
    ),
    ("socket: token and ticket", lambda s: s.upgrade(f"token={TOKEN}&ticket=abc"), 401),
    ("socket: no token", lambda s: s.upgrade(""), 401),
    ("socket: forged token", lambda s: s.upgrade(f"token={TOKEN[:-2]}"), 401),
    ("socket: without the scope", lambda s: s.upgrade(f"token={token_of(bearer('ann', ('agent',)))}"), 403),
]
FRAMES: list[tuple[str, Callable[[Scene], Awaitable[int | None]], int]] = [
    ("frame: role: system", lambda s: s.frame(message("hi", role="system")), 422),
    ("frame: 33,000 characters", lambda s: s.frame(message("x" * 33_000)), 422),
    ("frame: no kind of ours", lambda s: s.frame({"type": "admin"}), 422),
    (
        "frame: seq that is no number",
        lambda s: s.frame({"type": "resume", "message_id": "a", "after_seq": "1"}),
        422,
    ),
    ("binary frame", lambda s: s.frames(raw(b"\x00\x01")), 1003),
    ("frame of bad UTF-8", lambda s: s.frames(raw(b"\xff\xfe", text=True)), 1007),
    ("65 KiB frame", lambda s: s.frames(raw(json.dumps(message("x" * 65 * 1024)))), 1009),
    ("ten bad JSON frames", lambda s: s.frames(raw(*["{"] * 10)), 1008),
    ("deep JSON", lambda s: s.frames(raw(*["[" * 60_000] * 10)), 1008),
    ("100 messages a second", lambda s: s.frames(a_hundred_messages_at_once), 1008),
    ("token that expires", token_that_expires, 3000),
]


@pytest.mark.parametrize(
    ("attempt", "answer"),
    [(attempt, answer) for _, attempt, answer in [*REST, *UPGRADE, *FRAMES]],
    ids=[name for name, _, _ in [*REST, *UPGRADE, *FRAMES]],
)
async def test_what_a_client_may_not_do_has_its_answer(
    scene: Scene, attempt: Callable[[Scene], Awaitable[int | None]], answer: int
) -> None:
    assert await attempt(scene) == answer
    for problem in scene.problems:
        assert {"type", "title", "status", "detail", "instance", "request_id"} <= problem.keys()
    async with httpx.AsyncClient(base_url=scene.url, headers=ANN) as client:
        history = (await client.get(f"{CHAT}/history/{ANNS_SESSION}")).json()
    assert (history["title"], history["message_count"]) == ("Hello", 2), "Ann's session is as it was"


async def test_anothers_session_is_told_as_one_that_never_was_everywhere(scene: Scene) -> None:
    for _, attempt, answer in [*REST, *UPGRADE]:
        if answer == 404:
            await attempt(scene)
    await scene.rest("GET", f"{CHAT}/history/never-was")
    assert len(scene.problems) == 7
    own = ("instance", "request_id")
    told = [{name: value for name, value in one.items() if name not in own} for one in scene.problems]
    assert all(one == told[0] for one in told)


@pytest.mark.parametrize("origin", [None, PAGE])
@pytest.mark.parametrize("way", ["query", "subprotocol", "header"])
async def test_a_token_is_taken_in_each_way_from_a_page_of_ours(
    scene: Scene, way: str, origin: str | None
) -> None:
    ways: dict[str, dict[str, Any]] = {
        "query": {"query": {"token": TOKEN}},
        "subprotocol": {"query": {}, "subprotocols": ["bearer", TOKEN]},
        "header": {"query": {}, "additional_headers": ANN},
    }
    async with chat_socket(scene.url, origin=origin, **ways[way]) as socket:
        assert (await socket.receive())["type"] == "ready"
        assert socket.connection.subprotocol == ("bearer" if way == "subprotocol" else None)
        assert quote(TOKEN) not in str(socket.connection.response)
