"""The light load: users who each do one thing over and over, and write down what they saw."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx

_POLITE_STATUSES = {429, 503, 504}


class Seen(StrEnum):
    ANSWER = "answer"
    REFUSAL = "refusal"
    """A problem document that says in a sentence what is the matter, and that it passes."""
    NOTHING = "nothing"
    """No connection, or no whole answer in time."""
    NONSENSE = "nonsense"
    """A 500, a wrong content type: what nobody should ever see."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Times on the monotonic clock. `sentence`: of a refusal; else what was wrong, if anything was."""

    seen: Seen
    began_at: float
    ended_at: float
    sentence: str = ""

    @property
    def seconds(self) -> float:
        return self.ended_at - self.began_at


@dataclass(frozen=True, slots=True)
class Journey:
    """What a user does, at which pace, through which of the stack's processes."""

    name: str
    method: str
    path: str
    leans_on: frozenset[str]
    every_seconds: float = 0.25
    body: Mapping[str, Any] | None = field(default=None, hash=False)
    patience_seconds: float = 30.0


@dataclass
class User:
    journey: Journey
    client: httpx.AsyncClient
    sights: list[Sight] = field(default_factory=list)

    async def go(self) -> None:
        """Until it is cancelled. One request at a time, as a person."""
        while True:
            self.sights.append(await self._look())
            await asyncio.sleep(self.journey.every_seconds)

    async def _look(self) -> Sight:
        began_at = time.monotonic()
        one = self.journey
        try:
            reply = await self.client.request(
                one.method, one.path, json=one.body, timeout=one.patience_seconds
            )
        except httpx.HTTPError as exc:
            return Sight(Seen.NOTHING, began_at, time.monotonic(), type(exc).__name__)
        seen, sentence = judge(reply)
        return Sight(seen, began_at, time.monotonic(), sentence)


def judge(reply: httpx.Response) -> tuple[Seen, str]:
    if reply.is_success:
        return Seen.ANSWER, ""
    kind = reply.headers.get("content-type", "")
    if reply.status_code not in _POLITE_STATUSES or not kind.startswith("application/problem+json"):
        return Seen.NONSENSE, f"{reply.status_code} {kind}"
    return Seen.REFUSAL, str(reply.json().get("detail", ""))


@asynccontextmanager
async def at_work(users: Sequence[User]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(user.go()) for user in users]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
