"""The queue that says there is work: saq, over Redis. What is true of a job stands in the store.

A message is delivered at least once, and to whom it matters little: a worker that gets one asks the store
for the job, and one that finds it held, or ended, lets it go. A message that was lost is sent again by the
workers' round (delivery.py). Why it is so: docs/decisions/0041-jobs-on-saq.md.
"""

import asyncio
from collections.abc import Awaitable, Sequence

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from saq import Job as Message
from saq import Status
from saq.queue.redis import RedisQueue

from services.common import telemetry
from services.common.redis_lost_connections import name_lost_connections
from services.voice.problems import JobsUnavailable

_log = telemetry.get_logger()
TASK = "transcribe_job"
_NAME = "voice-jobs"
_PAUSE_SECONDS = 0.5
_RESENT = 1_000
"""How often saq itself may deliver a message again; the store counts what is in vain."""


class JobQueue(RedisQueue):
    """saq's queue, which waits a moment where Redis is away instead of asking at once again."""

    async def dequeue(
        self,
        timeout: float = 0.0,  # noqa: ASYNC109 - the base class names it
        poll_interval: float = 0.0,
    ) -> Message | None:
        try:
            return await super().dequeue(timeout, poll_interval)
        except (RedisError, OSError, TimeoutError) as exc:
            _log.warning("queue_away", error_type=type(exc).__name__)
            await asyncio.sleep(_PAUSE_SECONDS)
            return None

    async def disconnect(self) -> None:
        """Where Redis is away too: saq takes leave of its channels first, and has nobody to take leave of."""
        try:
            await super().disconnect()
        except (RedisError, OSError, TimeoutError) as exc:
            _log.info("queue_left", error_type=type(exc).__name__)
            await self.redis.aclose()

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        """Nothing: saq's own search for dead workers takes a job that was just fetched for one, and ends it.

        `send_again` knows better, by the store's leases.
        """
        return []

    async def send(self, job_id: str) -> None:
        """Says that there is this job to do; once is enough, more do no harm. Raises JobsUnavailable."""
        await self._translated(self.enqueue(_message(job_id)))

    async def send_again(self, job_ids: Sequence[str]) -> None:
        """For jobs that wait although nobody holds them: their message was lost, or its worker died.

        Raises JobsUnavailable.
        """
        if job_ids:
            await self._translated(self._send_again(job_ids))

    async def _send_again(self, job_ids: Sequence[str]) -> None:
        empty = await self.count("queued") == 0
        for job_id, message in zip(job_ids, await self.jobs(job_ids), strict=True):
            if message is None:
                await self.enqueue(_message(job_id))
            elif empty or message.status is Status.ACTIVE:
                await self.retry(message, None)

    async def _translated(self, call: Awaitable[object]) -> None:
        try:
            await call
        except (RedisError, OSError, TimeoutError) as exc:
            raise JobsUnavailable from exc


def _message(job_id: str) -> Message:
    """Without saq's own deadlines, retries and results: those are the store's."""
    return Message(
        function=TASK, key=job_id, kwargs={"job_id": job_id}, timeout=0, heartbeat=0, retries=_RESENT, ttl=-1
    )


def open_queue(redis_url: str, *, timeout_seconds: float) -> JobQueue:
    """`timeout_seconds`: for each command, and for connecting."""
    client = Redis.from_url(
        redis_url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    name_lost_connections(client.connection_pool)
    return JobQueue(client, name=_NAME)
