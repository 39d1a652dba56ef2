"""Where jobs are handed in, asked after and cancelled. The use case behind the routes; knows no HTTP."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import BinaryIO

from services.voice.jobs.audio_folder import AudioFolder
from services.voice.jobs.queue import JobQueue
from services.voice.jobs.records import Job, JobRequest
from services.voice.jobs.store import JobStore
from services.voice.problems import JobsUnavailable

_LOOK_SECONDS = 0.5


class JobDesk:
    def __init__(self, store: JobStore, queue: JobQueue, audio: AudioFolder) -> None:
        self.store = store
        self._queue = queue
        self._audio = audio

    async def submit(self, owner: str, request: JobRequest, file: BinaryIO) -> Job:
        """Returns once the audio is on the disk and Redis has the job.

        Raises TooManyRequests, Overloaded, JobsUnavailable.
        """
        job_id = secrets.token_hex(12)
        try:
            await asyncio.to_thread(self._audio.put, job_id, file)
        except OSError as exc:
            raise JobsUnavailable("The folder for audio cannot be written to.") from exc
        try:
            job = await self.store.create(job_id, owner, request)
        except BaseException:
            await asyncio.to_thread(self._audio.remove, job_id)
            raise
        await self._tell_the_workers(job_id)
        return job

    async def cancel(self, owner: str, job_id: str) -> None:
        """A worker that has it stops within a second or two. Raises JobNotFound."""
        await self.store.cancel(owner, job_id)
        await asyncio.to_thread(self._audio.remove, job_id)

    async def watch(self, owner: str, job_id: str) -> AsyncIterator[Job]:
        """The job now, whenever it changes, and when it has ended. Raises JobNotFound, at first alone."""
        last = await self.store.owned(owner, job_id)
        yield last
        while not last.state.ended:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                found = await self.store.owned(owner, job_id)
            except JobsUnavailable:
                continue  # it goes on by itself when Redis is back
            if found != last:
                yield found
            last = found

    async def aclose(self) -> None:
        await self._queue.disconnect()
        await self.store.aclose()

    async def _tell_the_workers(self, job_id: str) -> None:
        """The job is kept already: where this fails, a worker's round finds it within seconds."""
        try:
            await self._queue.send(job_id)
        except JobsUnavailable:
            return
