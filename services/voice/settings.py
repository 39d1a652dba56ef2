"""Settings of the voice service: those of its halves, of its sockets, and what they share."""

from pathlib import Path

from pydantic import Field

from services.voice.jobs.settings import JobSettings
from services.voice.sockets.settings import LiveSettings
from services.voice.synthesis.settings import SynthesisSettings
from services.voice.transcription.settings import TranscriptionSettings
from services.voice.wyoming_protocol.settings import WyomingSettings


class VoiceSettings(TranscriptionSettings, SynthesisSettings, LiveSettings, JobSettings, WyomingSettings):
    port: int = Field(default=8006, ge=0, le=65535)

    voice_engines_python: Path | None = None
    """Interpreter of the environment with torch, for Coqui and openai-whisper; None: the service's own."""
    voice_preload: bool = True
    """Load the engines right after the start, so that the first caller does not wait for it."""
    voice_canary_max_age_seconds: float = Field(default=300.0, gt=0)
    voice_canary_deadline_seconds: float = Field(default=60.0, gt=0)
    voice_shutdown_seconds: int = Field(default=20, ge=1)
    """How long requests under way may take to end after SIGTERM."""
    voice_breaker_failure_threshold: int = Field(default=5, ge=1)
    voice_breaker_reset_seconds: float = Field(default=60.0, gt=0)
