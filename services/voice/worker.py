"""`python -m services.voice.worker`: transcribes jobs, any number of it side by side; no request reaches it.

It listens on HOST:PORT (127.0.0.1:8016) all the same, for /health and /metrics. Names concrete engines
through main.py alone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import Field

from services.common.app import create_base_app
from services.common.health import Readiness
from services.common.metrics import new_registry
from services.common.serving import serve
from services.common.settings import load_settings
from services.common.standing_back import stand_back
from services.common.telemetry import configure_logging
from services.voice.app import loaded
from services.voice.jobs.audio_folder import AudioFolder
from services.voice.jobs.delivery import JobDelivery, JobMetrics
from services.voice.jobs.queue import open_queue
from services.voice.jobs.store import JobStore
from services.voice.jobs.work import JobWork
from services.voice.main import build_transcription
from services.voice.media.decoding import DecodeLimits
from services.voice.problems import JobsUnavailable
from services.voice.settings import VoiceSettings
from services.voice.transcription.hearing import Ear
from services.voice.transcription.metrics import TranscriptionMetrics
from services.voice.transcription.service import TranscriptionService

SERVICE = "voice-worker"
_STOP_SECONDS = 15
_PATIENCE_SECONDS = 5.0
"""For a blocking wait at the queue: longer than it waits, shorter than a frozen Redis is noticed late."""


class WorkerSettings(VoiceSettings):
    port: int = Field(default=8016, ge=0, le=65535)


@dataclass(frozen=True, slots=True)
class WorkerParts:
    transcription: TranscriptionService
    ear: Ear
    registry: CollectorRegistry


def create_worker_app(settings: VoiceSettings, parts: WorkerParts) -> FastAPI:
    connection = settings.connect_redis(JobsUnavailable)
    store = JobStore(connection, settings.job_limits)
    queue = open_queue(settings.redis_url.get_secret_value(), timeout_seconds=_PATIENCE_SECONDS)
    audio = AudioFolder(settings.voice_jobs_dir)
    work = JobWork(store, audio, parts.ear, parts.transcription, settings)
    delivery = JobDelivery(store, queue, audio, work, JobMetrics(parts.registry))
    checks = {"engines": "are being loaded"}

    async def deliver() -> None:
        if settings.voice_preload:
            checks.update({name: await loaded(host) for name, host in parts.transcription.hosts.items()})
        checks.pop("engines")
        await delivery.run(settings.voice_jobs_at_a_time)

    async def readiness() -> Readiness:
        return Readiness("engines" not in checks, checks)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        delivering = asyncio.create_task(deliver())
        try:
            yield
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            await asyncio.gather(*(host.close() for host in parts.transcription.hosts.values()))
            parts.ear.close()
            await queue.disconnect()
            await connection.aclose()

    return create_base_app(
        settings,
        title="Parley voice worker",
        service=SERVICE,
        readiness=readiness,
        lifespan=lifespan,
        registry=parts.registry,
    )


def build_parts(settings: VoiceSettings) -> WorkerParts:
    registry = new_registry()
    limits = DecodeLimits(settings.voice_max_audio_seconds, settings.voice_max_channels)
    return WorkerParts(
        build_transcription(settings, TranscriptionMetrics(registry)),
        Ear(
            limits,
            workers=settings.voice_jobs_at_a_time,
            decode_seconds=settings.voice_jobs_decode_seconds,
        ),
        registry,
    )


def main() -> None:
    settings = load_settings(WorkerSettings)
    configure_logging(SERVICE, settings.log_level)
    stand_back(settings.voice_jobs_nice)
    serve(create_worker_app(settings, build_parts(settings)), settings, shutdown_seconds=_STOP_SECONDS)


if __name__ == "__main__":
    main()
