"""A conversation through the gateway, as a stranger has it: with curl, and over the WebSocket."""

import json
import os
import secrets
import signal
import subprocess
from typing import Any

import httpx
import pytest

from tests.support.chat_socket import chat_socket, refusal, text_of
from tests.support.eventually import eventually
from tests.support.local_stack import LocalStack

pytestmark = pytest.mark.models("smollm2-135m-instruct")

CHAT = "/api/v1/chat-service/api/v1/chat"
SOCKET = "/ws/chat-service"


@pytest.fixture(name="session")
def session_fixture() -> str:
    return f"test-{secrets.token_hex(6)}"


def curl(stack: LocalStack, session: str, message: str) -> dict[str, Any]:
    """The command of the README, word for word but for the port, the token and the session."""
    command = ["curl", "-sS", "-X", "POST", f"{stack.base_url}{CHAT}"]
    command += ["-H", f"Authorization: Bearer {stack.token()}", "-H", "Content-Type: application/json"]
    command += ["-d", json.dumps({"message": message, "session_id": session})]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply


async def test_one_session_over_curl_over_the_socket_and_in_the_history(
    stack: LocalStack, session: str
) -> None:
    reply = curl(stack, session, "Hello")
    assert reply["session_id"] == session
    assert reply["reply"].strip()
    with stack.client() as client:
        [asked, answered] = client.get(f"{CHAT}/history/{session}").json()["messages"]
        assert (asked["content"], answered["content"]) == ("Hello", reply["reply"])

        async with chat_socket(
            stack.base_url, token=stack.token(), session_id=session, path=SOCKET
        ) as socket:
            assert (await socket.receive())["session_id"] == session
            frames = await socket.say("And again?")
        assert frames[-1]["type"] == "done", frames[-1]
        over_socket = text_of(frames)

        again = curl(stack, session, "Goodbye")
        said = client.get(f"{CHAT}/history/{session}").json()["messages"]
        assert client.delete(f"{CHAT}/sessions/{session}").status_code == 204
    assert [message["content"] for message in said] == [
        "Hello", reply["reply"], "And again?", over_socket, "Goodbye", again["reply"],
    ]  # fmt: skip


async def test_a_page_of_ours_opens_a_socket_by_ticket_and_one_from_elsewhere_does_not(
    stack: LocalStack, session: str
) -> None:
    def ticket() -> dict[str, str]:
        with stack.client() as client:
            issued = client.post("/api/v1/chat-service/api/v1/ws-ticket")
            return {"ticket": issued.json()["ticket"]}

    async with chat_socket(stack.base_url, path=SOCKET, query=ticket(), origin=stack.base_url) as socket:
        assert (await socket.receive())["type"] == "ready"
    address = f"{stack.base_url}{SOCKET}?ticket={ticket()['ticket']}"
    host = stack.base_url.removeprefix("http://")
    lookalikes = (
        f"{stack.base_url}.evil.example",
        f"{stack.base_url}0",
        f"https://{host}",
        f"http://x@{host}",
    )
    for origin in ("null", "https://elsewhere.example", *lookalikes):
        assert (await refusal(address, origin=origin)).response.status_code == 403
    assert (await refusal(f"{stack.base_url}{SOCKET}")).response.status_code == 401


async def test_no_token_and_no_ticket_reaches_a_log_of_any_process(stack: LocalStack, session: str) -> None:
    token = stack.token()
    with stack.client() as client:
        ticket = client.post("/api/v1/chat-service/api/v1/ws-ticket").json()["ticket"]
    for query in ({"token": token}, {"ticket": ticket}):
        async with chat_socket(stack.base_url, path=SOCKET, query=query) as socket:
            await socket.receive()
    async with chat_socket(stack.base_url, path=SOCKET, query={}, subprotocols=["bearer", token]) as socket:
        await socket.receive()
    refused = [
        f"{SOCKET}?ticket={ticket}",
        f"{SOCKET}?token={token}x",
        f"{SOCKET}?token={token}&session_id=*",
        f"{SOCKET}?token={token}&x={'y' * 9000}",
        f"/api/v1/voice/stt/stream?token={token}x",
        f"/nowhere?token={token}&ticket={ticket}",
    ]
    assert all(status >= 400 for status in await _asked(stack, refused))
    statuses = await _asked_of_a_dead_service(stack, token, ticket)
    assert set(statuses) & {502, 503}, "the upstream did not fail"
    logs = {path.name: path.read_text(encoding="utf-8") for path in stack.folders.logs.glob("*.log*")}
    assert {"gateway.log", "chat-service.log", "voice-interaction-service.log"} <= logs.keys()
    signature = token.rpartition(".")[2]
    for name, text in logs.items():
        assert signature not in text, name
        assert ticket not in text, name
        assert "token=" not in text, name
        assert "ticket=" not in text, name


async def _asked_of_a_dead_service(stack: LocalStack, token: str, ticket: str) -> list[int]:
    """Killed with a socket open: the gateway writes of the break, and of what it cannot pass on."""
    addresses = [f"{SOCKET}?token={token}", f"{SOCKET}?ticket={ticket}"]
    addresses.append(f"/api/v1/chat-service/api/v1/models?token={token}&ticket={ticket}")
    chat = next(one for one in stack.read_state().processes if one.name == "chat-service")
    assert chat.id is not None
    async with chat_socket(stack.base_url, path=SOCKET, query={"token": token}) as socket:
        await socket.receive()
        os.kill(chat.id.pid, signal.SIGKILL)
        statuses = await _asked(stack, addresses)
        assert await socket.close_code() is not None
    with stack.client() as client:
        await eventually(lambda: client.get(f"{CHAT}/sessions").is_success, within_seconds=120)
    return statuses


async def _asked(stack: LocalStack, addresses: list[str]) -> list[int]:
    """Each as a plain request, and as one that would be a socket."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    async with httpx.AsyncClient(base_url=stack.base_url) as client:
        return [
            (await client.get(address, headers=headers)).status_code
            for address in addresses
            for headers in ({}, upgrade)
        ]
