"""One health check: a GET that must answer 200 in time. An adapter over httpx."""

import asyncio
import time
from dataclasses import dataclass

import httpx

from gateway.health_monitor.targets import Target
from services.common.health import ROLE_CHECK

_REASON_CHARS = 200


@dataclass(frozen=True, slots=True)
class Check:
    """`error` is None when the upstream would serve; else why not, in one sentence.

    `note`: of one that would serve, what is to know of it: that it waits for its turn, as one of two colours.
    """

    latency_seconds: float
    error: str | None
    note: str = ""

    @property
    def ok(self) -> bool:
        return self.error is None


async def check(client: httpx.AsyncClient, target: Target, timeout_seconds: float) -> Check:
    """Never raises for what an upstream does: that is the finding. Takes `timeout_seconds` at most."""
    started, note = time.perf_counter(), ""
    try:
        async with asyncio.timeout(timeout_seconds):
            reply = await client.get(target.health_url, timeout=timeout_seconds)
        parts = _parts(reply)
        would_serve = reply.status_code == httpx.codes.OK
        error = None if would_serve else _unwell(parts) or f"answered {reply.status_code}"
        note = _turn(parts) if would_serve else ""
    except (httpx.TimeoutException, TimeoutError):
        error = f"no answer within {timeout_seconds:g} s"
    except httpx.HTTPError as exc:
        error = _WORDS.get(type(exc), f"the connection failed ({type(exc).__name__})")
    return Check(time.perf_counter() - started, error, note)


_WORDS: dict[type[Exception], str] = {
    httpx.ConnectError: "nothing listens there",
    httpx.RemoteProtocolError: "what answers there does not speak HTTP",
    httpx.ReadError: "it closed the connection without an answer",
}


def _parts(reply: httpx.Response) -> dict[str, str]:
    """Each part and how it is, by the service's own account (services/common/health.py)."""
    try:
        return dict(reply.json()["checks"])
    except (ValueError, KeyError, TypeError):
        return {}


def _unwell(parts: dict[str, str]) -> str:
    unwell = (f"{name}: {sentence}" for name, sentence in parts.items() if sentence != "ok")
    return "; ".join(unwell)[:_REASON_CHARS]


def _turn(parts: dict[str, str]) -> str:
    """Why it does not serve just now, though it would."""
    word = parts.get(ROLE_CHECK, "ok")
    return "" if word == "ok" else word[:_REASON_CHARS]
