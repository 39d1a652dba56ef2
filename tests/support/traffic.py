"""Traffic at a steady pace, reads and writes mixed, and what became of each request. Open loop.

Open loop: a request is sent when it is due, whether the ones before it were answered or not, as strangers
do. A client that waits for its answer first would send nothing while the service is frozen, and not see it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

_BODY = b"x" * 512


@dataclass(frozen=True, slots=True)
class Exchange:
    """Times on the monotonic clock. `status` 0: no whole answer came, and `error` says why."""

    method: str
    due_at: float
    ended_at: float
    status: int
    error: str = ""
    body: str = ""
    who: str = ""

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def seconds(self) -> float:
        return self.ended_at - self.due_at


@dataclass
class Traffic:
    """`write_share`: of requests that are POSTs, 0 to 1."""

    client: httpx.AsyncClient
    path: str
    per_second: float = 200.0
    write_share: float = 0.2
    exchanges: list[Exchange] = field(default_factory=list)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator["Traffic"]:
        """For as long as the block lasts; at its end every answer is waited for."""
        stop = asyncio.Event()
        sending = asyncio.create_task(self._send_until(stop))
        try:
            yield self
        finally:
            stop.set()
            await sending

    def lost(self) -> list[Exchange]:
        return [one for one in self.exchanges if not one.ok]

    def seconds(self) -> list[float]:
        return [one.seconds for one in self.exchanges]

    async def _send_until(self, stop: asyncio.Event) -> None:
        started, count, writes = time.monotonic(), 0, 0.0
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                due_at = started + count / self.per_second
                await asyncio.sleep(max(0.0, due_at - time.monotonic()))
                count, writes = count + 1, writes + self.write_share
                method = "POST" if writes >= 1 else "GET"
                writes -= method == "POST"
                group.create_task(self._exchange(method, due_at))

    async def _exchange(self, method: str, due_at: float) -> None:
        content = _BODY if method == "POST" else None
        try:
            reply = await self.client.request(method, self.path, content=content)
        except httpx.HTTPError as exc:
            self.exchanges.append(Exchange(method, due_at, time.monotonic(), 0, type(exc).__name__))
            return
        who = str(reply.json().get("service", "")) if reply.status_code == 200 else ""
        kept = "" if reply.status_code == 200 else reply.text
        self.exchanges.append(
            Exchange(method, due_at, time.monotonic(), reply.status_code, body=kept, who=who)
        )


@asynccontextmanager
async def caller(base_url: str, headers: dict[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client with connections enough for an open loop."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=3)
    async with httpx.AsyncClient(
        base_url=base_url, headers=headers, timeout=30, limits=limits, trust_env=False
    ) as client:
        yield client


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank. `share` 0 to 1; the values are not empty."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
