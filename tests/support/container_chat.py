"""A user of the chat service in containers, who remembers what was acknowledged."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

CHAT = "/api/v1/chat-service/api/v1/chat"
_ATTEMPTS = 5
_PAUSE_SECONDS = 1.0
"""Of a talker, so that the model has time for others too."""


def send(client: httpx.Client, message: str, session_id: str | None = None) -> dict[str, Any]:
    """What came back for a message that was taken. On a busy machine it may still wait for its answer."""
    body = {"message": message} | ({"session_id": session_id} if session_id else {})
    answer = client.post(CHAT, json=body)
    assert "message_id" in answer.text, f"{answer.status_code} {answer.text}"
    taken: dict[str, Any] = answer.json()
    return taken


def answered(client: httpx.Client, message: str) -> str:
    """The reply to a message; asked again while the model is too busy to give one."""
    body: dict[str, Any] = {}
    for _ in range(_ATTEMPTS):
        body = send(client, message)
        if "reply" in body:
            return str(body["reply"])
        time.sleep(2)
    raise AssertionError(body)


def history(client: httpx.Client, session_id: str) -> list[dict[str, Any]]:
    """All messages of a session, the oldest first."""
    page = client.get(f"{CHAT}/history/{session_id}", params={"limit": 200}).raise_for_status().json()
    assert not page["has_more"]
    messages: list[dict[str, Any]] = page["messages"]
    return messages


@dataclass
class Talker:
    """Sends one message after another into one session until it is stopped, whatever happens meanwhile."""

    client: httpx.Client
    session_id: str
    acknowledged: list[str] = field(default_factory=list)
    """Ids of the messages that the service said it has, answered or not."""
    refusals: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join(timeout=180)

    def lost(self) -> set[str]:
        kept = {message["id"] for message in history(self.client, self.session_id)}
        return set(self.acknowledged) - kept

    def _talk(self) -> None:
        number = 0
        while not self._over.wait(_PAUSE_SECONDS):
            number += 1
            self._say(f"This is message {number}.")

    def _say(self, message: str) -> None:
        try:
            answer = self.client.post(CHAT, json={"message": message, "session_id": self.session_id})
            body = answer.json()
        except (httpx.HTTPError, ValueError) as failure:
            self.refusals.append(type(failure).__name__)
            return
        if "message_id" in body:
            self.acknowledged.append(body["message_id"])
        else:
            self.refusals.append(f"{answer.status_code} {body.get('title')}")
