"""Builds the voice service out of its settings. The only module that names concrete engines."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from services.common.admission import Admission
from services.common.circuit_breaker import BreakerState, CircuitBreaker
from services.common.metrics import BreakerStates, new_registry
from services.common.settings import load_settings
from services.common.telemetry import configure_logging
from services.common.tickets import RedisTickets
from services.voice.app import SERVICE, VoiceParts, create_app
from services.voice.conversation.chat_client import ChatClient
from services.voice.engine_host import EngineHost
from services.voice.engine_python import EnginePython
from services.voice.engines import Engine
from services.voice.jobs.audio_folder import AudioFolder
from services.voice.jobs.desk import JobDesk
from services.voice.jobs.queue import open_queue
from services.voice.jobs.store import JobStore
from services.voice.media.decoding import DecodeLimits
from services.voice.problems import JobsUnavailable, TicketsUnavailable
from services.voice.settings import VoiceSettings
from services.voice.synthesis.chain import SentenceLimit
from services.voice.synthesis.coqui import CoquiEngine
from services.voice.synthesis.engine import SynthesisEngine
from services.voice.synthesis.espeak import EspeakEngine
from services.voice.synthesis.google import GoogleEngine
from services.voice.synthesis.kokoro import KokoroEngine
from services.voice.synthesis.metrics import SynthesisMetrics
from services.voice.synthesis.service import SynthesisService
from services.voice.synthesis.simulated import SimulatedEngine
from services.voice.transcription.engine import TranscriptionEngine
from services.voice.transcription.faster_whisper import FasterWhisperEngine
from services.voice.transcription.hearing import Ear
from services.voice.transcription.metrics import TranscriptionMetrics
from services.voice.transcription.openai_whisper import OpenAIWhisperEngine
from services.voice.transcription.service import TranscriptionService
from services.voice.transcription.vosk import VoskEngine

E = TypeVar("E", bound=Engine)


def build_app() -> tuple[FastAPI, VoiceSettings]:
    """From the environment; exits with a sentence where a setting is refused."""
    settings = load_settings(VoiceSettings)
    configure_logging(SERVICE, settings.log_level)
    return create_app(settings, build_parts(settings)), settings


def build_parts(settings: VoiceSettings) -> VoiceParts:
    registry = new_registry()
    limits = DecodeLimits(settings.voice_max_audio_seconds, settings.voice_max_channels)
    parts = VoiceParts(
        transcription=build_transcription(settings, TranscriptionMetrics(registry)),
        synthesis=_synthesis(settings, SynthesisMetrics(registry)),
        ear=Ear(limits, workers=settings.voice_decode_workers, decode_seconds=settings.voice_decode_seconds),
        chat=_chat(settings),
        registry=registry,
        jobs=build_jobs(settings),
        tickets=build_tickets(settings),
    )
    registry.register(BreakerStates("voice_breaker_state", partial(_breaker_states, parts)))
    return parts


def _breaker_states(parts: VoiceParts) -> dict[str, BreakerState]:
    return {host.name: host.breaker.state for host in parts.hosts}


def _chat(settings: VoiceSettings) -> ChatClient:
    timeout = httpx.Timeout(settings.chat_silence_seconds, connect=settings.chat_connect_seconds)
    http = httpx.AsyncClient(base_url=settings.chat_url, timeout=timeout)
    return ChatClient(http, away_sentence=settings.chat_away_sentence)


def build_tickets(settings: VoiceSettings) -> RedisTickets:
    return RedisTickets(settings.connect_redis(TicketsUnavailable))


def build_jobs(settings: VoiceSettings) -> JobDesk:
    store = JobStore(settings.connect_redis(JobsUnavailable), settings.job_limits)
    url = settings.redis_url.get_secret_value()
    queue = open_queue(url, timeout_seconds=settings.redis_timeout_seconds)
    return JobDesk(store, queue, AudioFolder(settings.voice_jobs_dir))


def build_transcription(settings: VoiceSettings, metrics: TranscriptionMetrics) -> TranscriptionService:
    engines: tuple[TranscriptionEngine, ...] = (VoskEngine(settings.parley_models_dir), _whisper(settings))
    workers, waiting = settings.voice_stt_workers, settings.voice_stt_waiting_max
    return TranscriptionService(
        {engine.name: _host(engine, settings, workers, waiting) for engine in engines},
        threshold_seconds=settings.voice_stt_threshold_seconds,
        min_confidence=settings.voice_vosk_min_confidence,
        default_language=settings.voice_default_language,
        metrics=metrics,
    )


def _whisper(settings: VoiceSettings) -> TranscriptionEngine:
    if settings.voice_whisper_backend == "openai-whisper":
        return OpenAIWhisperEngine(
            settings.parley_models_dir / f"openai-{settings.voice_whisper_model}" / "model.pt",
            python=EnginePython(settings.voice_engines_python),
            device=settings.voice_whisper_device,
            beam_size=settings.voice_whisper_beam_size,
            threads=settings.voice_whisper_threads,
        )
    return FasterWhisperEngine(
        settings.parley_models_dir / settings.voice_whisper_model,
        device=settings.voice_whisper_device,
        compute_type=settings.voice_whisper_compute_type,
        beam_size=settings.voice_whisper_beam_size,
        threads=settings.voice_whisper_threads,
        workers=settings.voice_stt_workers,
        short_window=settings.voice_whisper_short_window,
    )


def _synthesis(settings: VoiceSettings, metrics: SynthesisMetrics) -> SynthesisService:
    models = settings.parley_models_dir
    builders: dict[str, Callable[[], SynthesisEngine]] = {
        "coqui": lambda: CoquiEngine(
            models / settings.voice_coqui_model,
            python=EnginePython(settings.voice_engines_python),
            device=settings.voice_coqui_device,
            threads=settings.voice_tts_threads,
        ),
        "google": lambda: _google(settings),
        "kokoro": lambda: KokoroEngine(
            [models / name for name in settings.voice_kokoro_models], threads=settings.voice_tts_threads
        ),
        "espeak": EspeakEngine,
        "simulated": SimulatedEngine,
    }
    hosts: dict[str, Any] = {
        name: _host(builders[name](), settings, settings.voice_tts_workers, settings.voice_tts_waiting_max)
        for name in settings.voice_tts_chain
    }
    return SynthesisService(
        hosts,
        limit=SentenceLimit(
            settings.voice_tts_sentence_base_seconds, settings.voice_tts_sentence_seconds_per_character
        ),
        admission=Admission(
            "texts", running_max=settings.voice_tts_requests_max, waiting_max=settings.voice_tts_waiting_max
        ),
        metrics=metrics,
    )


def _google(settings: VoiceSettings) -> SynthesisEngine:
    return GoogleEngine(
        settings.voice_google_credentials_file,
        endpoint=settings.voice_google_endpoint,
        insecure=settings.voice_google_insecure,
        timeout_seconds=settings.voice_google_timeout_seconds,
    )


def _host(engine: E, settings: VoiceSettings, workers: int, waiting_max: int) -> EngineHost[E]:
    breaker = CircuitBreaker(
        engine.name,
        failure_threshold=settings.voice_breaker_failure_threshold,
        reset_timeout_seconds=settings.voice_breaker_reset_seconds,
    )
    return EngineHost(engine, workers=workers, waiting_max=waiting_max, breaker=breaker)
