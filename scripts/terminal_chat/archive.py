"""What the chat service tells over REST: sessions, history, models."""

from typing import Any

import httpx

_ANSWER_SECONDS = 10.0
_API = "/api/v1/chat-service/api/v1"
_SHOWN = 20


class NoAnswer(Exception):
    """In a sentence for the user."""


class Archive:
    def __init__(self, base_url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(
            base_url=base_url, headers=headers, timeout=_ANSWER_SECONDS, trust_env=False
        )

    def sessions(self) -> list[dict[str, Any]]:
        """The most recently used first."""
        return list(self._get("/chat/sessions")["sessions"])

    def messages(self, session_id: str) -> list[dict[str, Any]]:
        """The latest, oldest first; none of a session that has not begun."""
        try:
            return list(self._get(f"/chat/history/{session_id}", limit=_SHOWN)["messages"])
        except _NotThere:
            return []

    def models(self) -> list[dict[str, Any]]:
        return list(self._get("/models")["models"])

    def close(self) -> None:
        self._client.close()

    def _get(self, path: str, **query: int) -> dict[str, Any]:
        try:
            answer = self._client.get(_API + path, params=query)
        except httpx.TransportError as exc:
            raise NoAnswer(f"Nothing answers at {self._client.base_url}. Start it: ./scripts/up") from exc
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise _NotThere("There is no such session.")
        if answer.is_error:
            raise NoAnswer(_detail(answer))
        found: dict[str, Any] = answer.json()
        return found


class _NotThere(NoAnswer):
    pass


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The server answered {answer.status_code}."
