"""A worker at the queue: takes messages and has the jobs done; sees to those that nobody has."""

import asyncio
import signal
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge
from saq import Worker

from services.common import telemetry
from services.voice.jobs.audio_folder import AudioFolder
from services.voice.jobs.queue import TASK, JobQueue
from services.voice.jobs.store import JobStore
from services.voice.jobs.work import JobWork
from services.voice.problems import JobsUnavailable

_log = telemetry.get_logger()
_ROUND_SECONDS = 2.0
_DEQUEUE_SECONDS = 1.0
_STOP_SECONDS = 5.0
_FORGOTTEN_SECONDS = 7 * 24 * 3600.0
"""Audio that is older belongs to no job: the queue is not that long."""


class JobMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.left = Counter(
            "voice_jobs_left_total",
            "Jobs that a worker is done with, for good or for now.",
            ("outcome",),
            registry=registry,
        )
        self.open = Gauge("voice_jobs_open", "Jobs queued or running, of all workers.", registry=registry)
        self.waiting = Gauge("voice_jobs_waiting", "Open jobs that no worker holds.", registry=registry)


class _Worker(Worker[Any]):
    SIGNALS: list[signal.Signals] = []  # noqa: RUF012 - the base class has it so; the signals are uvicorn's


class JobDelivery:
    def __init__(
        self, store: JobStore, queue: JobQueue, audio: AudioFolder, work: JobWork, metrics: JobMetrics
    ) -> None:
        self._store = store
        self._queue = queue
        self._audio = audio
        self._work = work
        self._metrics = metrics

    async def run(self, at_a_time: int) -> None:
        """Until it is cancelled. Jobs under way then go back to the queue."""
        worker = _Worker(
            self._queue,
            [(TASK, self._do)],
            concurrency=at_a_time,
            dequeue_timeout=_DEQUEUE_SECONDS,
            cancellation_hard_deadline_s=_STOP_SECONDS,
        )
        rounds = asyncio.create_task(self._rounds())
        try:
            await worker.start()
        finally:
            rounds.cancel()
            await asyncio.gather(rounds, return_exceptions=True)

    async def round(self) -> None:
        """Sends again what waits though nobody holds it: its worker died, or gave it back."""
        waiting = await self._store.waiting_jobs()
        self._metrics.waiting.set(len(waiting))
        self._metrics.open.set(len(await self._store.open_jobs()))
        await self._queue.send_again(waiting)
        await asyncio.to_thread(self._audio.remove_older_than, _FORGOTTEN_SECONDS)

    async def _rounds(self) -> None:
        while True:
            try:
                await self.round()
            except JobsUnavailable:
                _log.warning("jobs_away")
            await asyncio.sleep(_ROUND_SECONDS)

    async def _do(self, _: object, *, job_id: str) -> None:
        self._metrics.left.labels(await self._work.do(job_id)).inc()
