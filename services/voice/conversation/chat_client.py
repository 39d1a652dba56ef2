"""The chat service over its public API, with the user's own token. An adapter: its errors become problems."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from services.common import telemetry
from services.common.problems import ProblemError, ServiceUnavailable

_TOLD_PATIENCE_SECONDS = 3.0


class ChatAway(ServiceUnavailable):
    type, title = "/problems/chat-away", "Chat is not available"


class ChatRefused(ProblemError):
    """What the chat service itself answered; its detail is a sentence for a person."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__(str(facts.get("detail") or "The chat service refused this."))
        self.type = str(facts.get("type") or self.type)
        self.title = str(facts.get("title") or self.title)
        self.status = int(facts.get("status") or self.status)


@dataclass(frozen=True, slots=True)
class Asked:
    """The message is kept. `reply_id`: of what is being written."""

    message_id: str
    reply_id: str


@dataclass(frozen=True, slots=True)
class Words:
    """`reset`: everything before was void; another model begins anew."""

    text: str
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """The reply is whole."""

    model: str
    usage: Mapping[str, int]


ChatEvent = Asked | Words | Written


@dataclass(frozen=True, slots=True)
class Question:
    """Asked again with the same `key`, it is the same message with the same reply.

    `model` and `instructions` None: the chat service's own.
    """

    session_id: str
    text: str
    key: str
    model: str | None = None
    instructions: str | None = None


class ChatService(Protocol):
    """The seam: what a conversation needs of the chat service."""

    def ask(self, token: str, question: Question) -> AsyncIterator[ChatEvent]:
        """A message in, its reply as it is written. Raises ProblemError, midway too."""
        ...

    async def keep_heard(self, token: str, session_id: str, reply_id: str, characters: int) -> None:
        """Has the history keep only so much of a reply, which ends if it is still being written.

        Raises ProblemError.
        """
        ...

    async def aclose(self) -> None: ...


class ChatClient:
    """`http` has the chat service's address and its timeouts; it is closed with this."""

    def __init__(self, http: httpx.AsyncClient, *, away_sentence: str) -> None:
        self._http = http
        self._away_sentence = away_sentence

    async def ask(self, token: str, question: Question) -> AsyncIterator[ChatEvent]:
        body = {
            "message": question.text,
            "session_id": question.session_id,
            "model": question.model,
            "instructions": question.instructions,
            "idempotency_key": question.key,
            "stream": True,
        }
        try:
            async with self._http.stream(
                "POST", "/api/v1/chat", json=body, headers=_headers(token)
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise _refusal(await response.aread())
                async for event in _events(response.aiter_lines()):
                    yield event
        except httpx.HTTPError as exc:
            raise ChatAway(self._away_sentence) from exc

    async def keep_heard(self, token: str, session_id: str, reply_id: str, characters: int) -> None:
        path = f"/api/v1/chat/sessions/{session_id}/messages/{reply_id}"
        try:
            response = await self._http.patch(
                path,
                json={"heard_characters": characters},
                headers=_headers(token),
                timeout=_TOLD_PATIENCE_SECONDS,
            )
        except httpx.HTTPError as exc:
            raise ChatAway(self._away_sentence) from exc
        if response.is_error:
            raise _refusal(response.content)

    async def aclose(self) -> None:
        await self._http.aclose()


def _headers(token: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    request_id = telemetry.current_request_id()
    return headers if request_id == "-" else {**headers, "X-Request-ID": request_id}


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[ChatEvent]:
    async for line in lines:
        if line.startswith("data:"):
            event = _event(json.loads(line.removeprefix("data:")))
            if event is not None:
                yield event


def _event(frame: Mapping[str, Any]) -> ChatEvent | None:
    match frame["type"]:
        case "ack":
            return Asked(frame["id"], frame["message_id"])
        case "delta":
            return Words(frame["content"], bool(frame.get("reset")))
        case "done":
            return Written(frame["model"], frame["usage"])
        case "error":
            raise ChatRefused(frame["problem"])
    return None


def _refusal(body: bytes) -> ChatRefused:
    try:
        facts = json.loads(body)
    except ValueError:
        facts = {}
    return ChatRefused(facts if isinstance(facts, dict) else {})
