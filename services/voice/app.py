"""Puts the voice service's app together out of parts that main.py built. `create_app` is the only way in."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware

from services.common import telemetry
from services.common.admission import Admission
from services.common.app import create_base_app
from services.common.early_refusal import EarlyRefusalMiddleware, Guarded
from services.common.health import Readiness
from services.common.rehearsal import rehearse
from services.common.tickets import RedisTickets
from services.voice.canary import Canary
from services.voice.conversation.chat_client import ChatService
from services.voice.engine_host import EngineHost
from services.voice.engines import EngineFailed
from services.voice.jobs.desk import JobDesk
from services.voice.listening.listener import ListeningParts
from services.voice.listening.voice_detector import VoiceDetector
from services.voice.routes import (
    health,
    jobs,
    openai_models,
    openai_speech,
    openai_transcription,
    status,
    stt,
    synthesis,
)
from services.voice.settings import VoiceSettings
from services.voice.sockets.live_parts import LiveParts
from services.voice.synthesis.service import SynthesisService
from services.voice.transcription.hearing import Ear
from services.voice.transcription.service import TranscriptionService
from services.voice.wyoming_protocol.servers import wyoming_servers

SERVICE = "voice-interaction-service"
_UPLOADS = (
    "/api/v1/voice/stt/transcribe",
    "/api/v1/voice/stt/jobs",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
)
_REHEARSED = (*_UPLOADS, "/api/v1/voice/tts/synthesize", "/v1/audio/speech")
_log = telemetry.get_logger()


@dataclass(frozen=True, slots=True)
class VoiceParts:
    """What the app serves with; built once, closed by the lifespan."""

    transcription: TranscriptionService
    synthesis: SynthesisService
    ear: Ear
    chat: ChatService
    registry: CollectorRegistry
    new_detector: Callable[[], VoiceDetector] = VoiceDetector
    jobs: JobDesk | None = None
    """None: without a queue, its routes say so."""
    tickets: RedisTickets | None = None
    """None: sockets are opened with a token alone."""

    @property
    def hosts(self) -> Sequence[EngineHost[Any]]:
        return (*self.transcription.hosts.values(), *self.synthesis.hosts.values())


def create_app(settings: VoiceSettings, parts: VoiceParts) -> FastAPI:
    readiness = _Readiness()
    listening = ListeningParts(parts.transcription, parts.ear, parts.new_detector)
    live = LiveParts(settings, listening, parts.synthesis, parts.chat, parts.registry, parts.tickets)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        preparing = _prepare(app, settings, parts, readiness)
        tasks = [asyncio.create_task(preparing), asyncio.create_task(live.run())]
        try:
            async with wyoming_servers(
                settings, parts.transcription, parts.synthesis, parts.ear, settings.voice_default_language
            ):
                yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            listening.close()
            await parts.chat.aclose()
            await _close(app.state.canary, parts)
            if parts.jobs is not None:
                await parts.jobs.aclose()
            if parts.tickets is not None:
                await parts.tickets.aclose()

    app = create_base_app(
        settings,
        title="Parley voice",
        service=SERVICE,
        readiness=readiness,
        lifespan=lifespan,
        registry=parts.registry,
    )
    _set_state(app, settings, parts)
    guarded = [Guarded(path, "voice:transcribe", app.state.upload_admission) for path in _UPLOADS]
    app.user_middleware.append(Middleware(EarlyRefusalMiddleware, guarded=guarded))  # the innermost
    app.router.routes.extend(live.routes())
    for module in (stt, jobs, synthesis, status, health, openai_transcription, openai_speech, openai_models):
        app.include_router(module.router)
    return app


def _set_state(app: FastAPI, settings: VoiceSettings, parts: VoiceParts) -> None:
    app.state.transcription = parts.transcription
    app.state.synthesis = parts.synthesis
    app.state.ear = parts.ear
    app.state.job_desk = parts.jobs
    app.state.built_at = time.time()
    app.state.upload_admission = Admission(
        "uploads",
        running_max=settings.voice_stt_workers + settings.voice_decode_workers,
        waiting_max=settings.voice_stt_waiting_max,
    )
    app.state.canary = Canary(
        parts.synthesis,
        parts.transcription,
        parts.ear,
        max_age_seconds=settings.voice_canary_max_age_seconds,
        deadline_seconds=settings.voice_canary_deadline_seconds,
    )


class _Readiness:
    """Ready once every engine at hand was loaded, or has failed to: a missing model is no obstacle."""

    def __init__(self) -> None:
        self.checks: dict[str, str] = {"engines": "are being loaded"}
        self.ready = False

    async def __call__(self) -> Readiness:
        return Readiness(self.ready, self.checks)


async def _prepare(app: FastAPI, settings: VoiceSettings, parts: VoiceParts, readiness: _Readiness) -> None:
    if settings.voice_preload:
        for host in parts.hosts:
            readiness.checks[host.name] = await loaded(host)
        await parts.ear.load()
    await rehearse(app, *(("POST", path) for path in _REHEARSED))
    readiness.checks.pop("engines")
    readiness.ready = True
    gc.collect()
    gc.freeze()  # models are for ever: no collection need look at them again (docs/engines.md)


async def loaded(host: EngineHost[Any]) -> str:
    """Loads the engine; "ok", or why it could not be."""
    try:
        await host.load()
    except EngineFailed as exc:
        _log.info("engine_not_loaded", engine=host.name, reason=exc.reason)
        return exc.detail or exc.reason
    return "ok"


async def _close(canary: Canary, parts: VoiceParts) -> None:
    await canary.aclose()
    await asyncio.gather(*(host.close() for host in parts.hosts), return_exceptions=True)
    parts.ear.close()
