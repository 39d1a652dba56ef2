"""Traffic at a steady pace, reads and writes mixed, and what became of each request. Open loop.

Open loop: a request is sent when it is due, whether the ones before it were answered or not, as strangers
do. A client that waits for its answer first would send nothing while the service is frozen, and not see it.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.wire import NoAnswer, WireClient

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
    """`port`: of the gateway. `write_share`: of requests that are POSTs, 0 to 1."""

    port: int
    path: str
    per_second: float = 200.0
    write_share: float = 0.2
    exchanges: list[Exchange] = field(default_factory=list)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator["Traffic"]:
        """For as long as the block lasts; at its end every answer is waited for."""
        stop = asyncio.Event()
        client = WireClient(self.port)
        sending = asyncio.create_task(self._send_until(stop, client))
        try:
            yield self
        finally:
            stop.set()
            await sending
            client.close()

    def lost(self) -> list[Exchange]:
        return [one for one in self.exchanges if not one.ok]

    def seconds(self) -> list[float]:
        return [one.seconds for one in self.exchanges]

    async def _send_until(self, stop: asyncio.Event, client: WireClient) -> None:
        started, count, writes = time.monotonic(), 0, 0.0
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                due_at = started + count / self.per_second
                await asyncio.sleep(max(0.0, due_at - time.monotonic()))
                count, writes = count + 1, writes + self.write_share
                method = "POST" if writes >= 1 else "GET"
                writes -= method == "POST"
                group.create_task(self._exchange(client, method, due_at))

    async def _exchange(self, client: WireClient, method: str, due_at: float) -> None:
        try:
            status, content = await client.exchange(method, self.path, _BODY if method == "POST" else b"")
        except NoAnswer as exc:
            self.exchanges.append(Exchange(method, due_at, time.monotonic(), 0, str(exc)))
            return
        ended_at = time.monotonic()
        who = str(json.loads(content).get("service", "")) if status == 200 else ""
        kept = "" if status == 200 else content.decode()
        self.exchanges.append(Exchange(method, due_at, ended_at, status, body=kept, who=who))


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
