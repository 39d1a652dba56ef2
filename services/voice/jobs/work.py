"""Does a job, piece by piece, for as long as it holds it. The use case of the worker.

A piece that was heard is kept before the next is begun: whoever goes on with the job begins there.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.common import telemetry
from services.common.admission import Deadline
from services.common.problem_handlers import from_unexpected
from services.common.problems import ProblemError
from services.voice.jobs.audio_folder import AudioFolder
from services.voice.jobs.pieces import Piece, cut, joined, shifted
from services.voice.jobs.records import Claim, Job
from services.voice.jobs.settings import JobSettings
from services.voice.jobs.store import Holder, JobStore
from services.voice.problems import DamagedAudio, JobNotFound, JobsUnavailable, NoEngine
from services.voice.transcription.engine import SAMPLE_RATE_HZ
from services.voice.transcription.hearing import Ear, Heard
from services.voice.transcription.service import Transcription, TranscriptionOptions, TranscriptionService

_log = telemetry.get_logger()


class NotOurs(Exception):
    """Cancelled, or with another worker: what is being done is of no use."""


class JobWork:
    def __init__(
        self,
        store: JobStore,
        audio: AudioFolder,
        ear: Ear,
        transcription: TranscriptionService,
        settings: JobSettings,
    ) -> None:
        self._store = store
        self._audio = audio
        self._ear = ear
        self._transcription = transcription
        self._settings = settings

    async def do(self, job_id: str) -> str:
        """What became of it: done, failed, put_back, or held, ended and left, where it was not ours.

        Cancelled: the job goes back to the queue, and what was heard of it is kept.
        """
        try:
            claim, job = await self._store.claim(job_id, token := secrets.token_hex(8))
        except (JobNotFound, JobsUnavailable):
            return "left"
        holder = Holder(job_id, job.owner, token)
        if claim is Claim.HELD or claim is Claim.ENDED:
            return str(claim)
        if claim is Claim.POISON:
            await self._fail(holder, _poisonous())
            return "failed"
        return await self._held(holder, job)

    async def _held(self, holder: Holder, job: Job) -> str:
        try:
            await self._while_ours(holder, self._hear_all(holder, job))
        except NotOurs:
            outcome = "left"
        except (JobsUnavailable, asyncio.CancelledError) as exc:
            await self._give_back(holder)
            if isinstance(exc, asyncio.CancelledError):
                raise
            outcome = "put_back"
        except Exception as exc:
            await self._fail(holder, exc if isinstance(exc, ProblemError) else from_unexpected(exc))
            outcome = "failed"
        else:
            outcome = "done"
        _log.info("job_left", job_id=holder.job_id, outcome=outcome)
        return outcome

    async def _hear_all(self, holder: Holder, job: Job) -> None:
        heard = await self._decoded(holder.job_id)
        total = len(heard.samples)
        pieces = cut(total, heard.speech, self._settings.voice_jobs_piece_seconds)
        duration_seconds = total / SAMPLE_RATE_HZ
        await self._ours(
            self._store.note(holder, duration_seconds=duration_seconds, pieces_total=len(pieces))
        )
        kept = await self._store.pieces(holder.job_id)
        options = replace(job.request.options, routed_seconds=duration_seconds)
        for number, piece in enumerate(pieces):
            if number not in kept:
                kept[number] = await self._hear(heard, piece, _settled(options, kept))
                await self._ours(self._store.keep_piece(holder, number, kept[number], piece.end / total))
        result = joined([kept[number] for number in range(len(pieces))], duration_seconds)
        await self._ours(self._store.finish(holder, result))
        await self._forget(holder.job_id)

    async def _decoded(self, job_id: str) -> Heard:
        try:
            file, size_bytes = await asyncio.to_thread(self._audio.open, job_id)
        except FileNotFoundError as exc:
            raise DamagedAudio("The audio of this job is not in the folder any more.") from exc
        with file:
            return await self._ear.hear(
                file, size_bytes, Deadline.after(self._settings.voice_jobs_decode_seconds)
            )

    async def _hear(self, heard: Heard, piece: Piece, options: TranscriptionOptions) -> Transcription:
        samples = heard.samples[piece.start : piece.end]
        for _ in range(self._settings.voice_jobs_attempts_max - 1):
            try:
                return shifted(await self._heard(samples, piece, options), piece.start_seconds)
            except NoEngine:
                await asyncio.sleep(self._settings.voice_jobs_engine_pause_seconds)
        return shifted(await self._heard(samples, piece, options), piece.start_seconds)

    async def _heard(
        self, samples: NDArray[np.float32], piece: Piece, options: TranscriptionOptions
    ) -> Transcription:
        deadline = Deadline.after(self._settings.voice_jobs_piece_deadline_seconds)
        return await self._transcription.transcribe(samples, piece.speech, options, deadline)

    async def _while_ours(self, holder: Holder, work: Coroutine[Any, Any, None]) -> None:
        """Renews the lease beside the work; ends the work when the job is no longer ours."""
        working = asyncio.create_task(work)
        keeping = asyncio.create_task(self._keep(holder))
        try:
            await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise NotOurs
            working.result()
        finally:
            for task in (working, keeping):
                task.cancel()
            await asyncio.gather(working, keeping, return_exceptions=True)

    async def _keep(self, holder: Holder) -> None:
        """Returns when the job was cancelled, or when the lease may have run out."""
        loop = asyncio.get_running_loop()
        lease_seconds = self._settings.voice_jobs_lease_seconds
        good_until = loop.time() + lease_seconds
        while loop.time() < good_until:
            await asyncio.sleep(min(1.0, lease_seconds / 4))
            asked_at = loop.time()
            try:
                if not await self._store.renew(holder):
                    return
                good_until = asked_at + lease_seconds
            except JobsUnavailable:
                continue

    async def _ours(self, step: Coroutine[Any, Any, bool]) -> None:
        if not await step:
            raise NotOurs

    async def _give_back(self, holder: Holder) -> None:
        """Never fails: where Redis is away, the lease expires."""
        with contextlib.suppress(JobsUnavailable):
            await asyncio.shield(self._store.give_back(holder))

    async def _fail(self, holder: Holder, problem: ProblemError) -> None:
        with contextlib.suppress(JobsUnavailable):
            await self._store.fail(holder, problem)
            await self._forget(holder.job_id)

    async def _forget(self, job_id: str) -> None:
        await asyncio.to_thread(self._audio.remove, job_id)


def _settled(options: TranscriptionOptions, kept: dict[int, Transcription]) -> TranscriptionOptions:
    """The language of the first piece with speech is that of the whole: a pause does not change it."""
    if options.language is not None:
        return options
    spoken = (kept[number].language for number in sorted(kept) if kept[number].text)
    return replace(options, language=next(spoken, None))


def _poisonous() -> ProblemError:
    return DamagedAudio("Every worker that took this audio ended before it had heard the next piece of it.")
