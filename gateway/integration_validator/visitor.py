"""Talks to the gateway as a client would, and writes down each exchange."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from gateway.integration_validator.evidence import Evidence, excerpt


class Unexpected(Exception):
    """What came back is not what was promised. Its text is the finding's sentence.

    `away`: the service in whose place the gateway answered, if it did.
    """

    def __init__(self, sentence: str, *, away: str = "") -> None:
        super().__init__(sentence)
        self.away = away


@dataclass(slots=True)
class Visitor:
    """`token` goes into the Authorization header and nowhere else."""

    client: httpx.AsyncClient
    token: str
    evidence: list[Evidence] = field(default_factory=list)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("POST", path, **options)

    async def request(
        self, method: str, path: str, *, expect: int = 200, anonymous: bool = False, **options: Any
    ) -> httpx.Response:
        """Raises Unexpected where the status is another one, or where nothing answers."""
        headers = dict(options.pop("headers", {}))
        if not anonymous:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        started = time.perf_counter()
        try:
            reply = await self.client.request(method, path, headers=headers, **options)
        except httpx.HTTPError as exc:
            self.note(f"{method} {path}", type(exc).__name__, time.perf_counter() - started)
            raise Unexpected("The gateway gave no answer.") from exc
        self._note_reply(method, path, reply, time.perf_counter() - started)
        if reply.status_code != expect:
            sentence = (
                f"{method} {path} answered {reply.status_code}, not {expect}. {_member(reply, 'detail')}"
            )
            raise Unexpected(sentence, away=_member(reply, "service") if reply.is_server_error else "")
        return reply

    def note(self, request: str, answer: str, seconds: float, text: str = "", request_id: str = "") -> None:
        self.evidence.append(Evidence(request, answer, seconds, text, request_id))

    def _note_reply(self, method: str, path: str, reply: httpx.Response, seconds: float) -> None:
        told = ("x-engine", "x-attempts", "x-degraded")
        extras = "".join(f" {name}: {reply.headers[name]}" for name in told if name in reply.headers)
        self.note(
            f"{method} {path}",
            f"{reply.status_code} {reply.reason_phrase}{extras}",
            seconds,
            excerpt(reply.content, reply.headers.get("content-type", "")),
            reply.headers.get("x-request-id", ""),
        )


def demand(condition: object, otherwise: str) -> None:
    """Raises Unexpected with this sentence unless the condition holds."""
    if not condition:
        raise Unexpected(otherwise)


def problem(reply: httpx.Response) -> dict[str, Any]:
    """The RFC 9457 body, which every refusal must have."""
    demand(
        reply.headers.get("content-type", "").startswith("application/problem+json"),
        f"The refusal is not a problem document but {reply.headers.get('content-type') or 'untyped'}.",
    )
    body: dict[str, Any] = reply.json()
    missing = [name for name in ("type", "title", "status", "detail", "request_id") if name not in body]
    demand(not missing, f"The problem document lacks {', '.join(missing)}.")
    return body


def _member(reply: httpx.Response, name: str) -> str:
    """Of a problem document; "" where there is none."""
    try:
        return str(reply.json().get(name, ""))
    except (ValueError, AttributeError):
        return ""
