"""Checks of the chat service: a turn, its history, the same conversation over the WebSocket."""

import asyncio
import json
import secrets
import time

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from gateway.integration_validator.checks import Check, NotApplicable, Subject
from gateway.integration_validator.visitor import Unexpected, Visitor, demand

SERVICE, GROUP = "chat-service", "Chat"
_PREFIX = "/api/v1/chat-service/api/v1/chat"
_SOCKET = "/ws/chat-service"
_TURN_SECONDS = 120.0


async def turn_is_answered(visitor: Visitor, subject: Subject) -> str:
    _only_with_chat(subject)
    session = subject.left["session"] = f"validator-{secrets.token_hex(6)}"
    body = {"message": "Say hello in one short sentence.", "session_id": session}
    turn = (await visitor.post(_PREFIX, json=body, timeout=_TURN_SECONDS)).json()
    demand(turn["reply"].strip(), "The model answered with nothing.")
    return f"{turn['provider']} ({turn['model']}) answered{' as a stand-in' if turn['degraded'] else ''}."


async def history_has_the_turn(visitor: Visitor, subject: Subject) -> str:
    history = (await visitor.get(f"{_PREFIX}/history/{_session(subject)}")).json()
    roles = [message["role"] for message in history["messages"]]
    demand(roles[-2:] == ["user", "assistant"], f"The history has {roles}, not the turn.")
    return f"The history has all {len(roles)} messages of the session."


async def socket_answers_in_the_same_session(visitor: Visitor, subject: Subject) -> str:
    query = f"?token={visitor.token}&session_id={_session(subject)}"
    address = subject.base_url.replace("http", "ws", 1) + _SOCKET
    started = time.perf_counter()
    kinds: list[str] = []
    try:
        async with asyncio.timeout(_TURN_SECONDS), connect(address + query) as socket:
            await socket.send(json.dumps({"type": "message", "id": "validator-1", "content": "And again?"}))
            while "done" not in kinds and "error" not in kinds:
                kinds.append(json.loads(await socket.recv())["type"])
    except (WebSocketException, OSError, TimeoutError) as exc:
        raise Unexpected(f"The socket failed ({type(exc).__name__}).") from exc
    finally:
        told = ", ".join(dict.fromkeys(kinds))
        visitor.note(f"WS {_SOCKET}", told or "nothing", time.perf_counter() - started)
    demand("done" in kinds and "delta" in kinds, f"The socket said {told}, but never a whole reply.")
    return f"The socket answered in {kinds.count('delta')} pieces, in the same session."


async def socket_without_a_token_is_refused(visitor: Visitor, subject: Subject) -> str:
    _only_with_chat(subject)
    address = subject.base_url.replace("http", "ws", 1) + _SOCKET
    try:
        async with connect(address):
            raise Unexpected("A socket without a token was accepted.")
    except InvalidStatus as refusal:
        status = refusal.response.status_code
    visitor.note(f"WS {_SOCKET} (no token)", str(status), 0.0)
    demand(status == 401, f"A socket without a token was refused with {status}, not 401.")
    return "A socket without a token is refused before it opens."


async def session_is_removed(visitor: Visitor, subject: Subject) -> str:
    await visitor.request("DELETE", f"{_PREFIX}/sessions/{_session(subject)}", expect=204)
    await visitor.get(f"{_PREFIX}/history/{_session(subject)}", expect=404)
    return "The session is deleted, and its history with it."


def _only_with_chat(subject: Subject) -> None:
    if not subject.has_service(SERVICE):
        raise NotApplicable("The routing file has no chat service.")


def _session(subject: Subject) -> str:
    _only_with_chat(subject)
    demand("session" in subject.left, "There is no session: no turn was answered.")
    return str(subject.left["session"])


CHECKS = (
    Check(GROUP, "A turn", turn_is_answered, "the chat log; GET /api/v1/models; is a model server running?"),
    Check(GROUP, "History", history_has_the_turn, "is Redis reachable, with its append-only file on?"),
    Check(GROUP, "WebSocket", socket_answers_in_the_same_session, "the gateway's /ws route; ALLOWED_ORIGINS"),
    Check(GROUP, "WebSocket, no token", socket_without_a_token_is_refused, "services/chat"),
    Check(GROUP, "Deleting", session_is_removed, "the chat log"),
)
