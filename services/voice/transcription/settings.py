"""Settings of transcription. Units are in the names, bounds beside the defaults."""

from typing import Literal

from pydantic import Field

from services.common.settings import ServiceSettings


class TranscriptionSettings(ServiceSettings):
    voice_stt_threshold_seconds: float = Field(default=5.0, gt=0, le=30)
    """Shorter than this goes to Vosk, the rest to Whisper."""
    voice_vosk_min_confidence: float = Field(default=0.6, ge=0, le=1)
    """Mean word confidence below which Whisper hears a short utterance again."""
    voice_default_language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    """What `language=auto` means for Vosk, which cannot detect it. None: auto is Whisper's."""

    voice_whisper_backend: Literal["faster-whisper", "openai-whisper"] = "faster-whisper"
    voice_whisper_model: str = "whisper-base"
    """Folder in the models directory; for openai-whisper it is `openai-<name>`, with a `model.pt`."""
    voice_whisper_compute_type: Literal["int8", "int8_float32", "float32", "float16"] = "int8"
    voice_whisper_device: Literal["cpu", "cuda", "auto"] = "cpu"
    voice_whisper_beam_size: int = Field(default=1, ge=1, le=10)
    voice_whisper_threads: int = Field(default=0, ge=0, le=256)
    """Threads of one call; 0: as many as there are cores."""
    voice_whisper_short_window: bool = True
    """Pad a short utterance to its length plus five seconds instead of thirty."""

    voice_stt_workers: int = Field(default=1, ge=1, le=64)
    """Calls an engine serves at a time. One with all threads answers a lone request soonest."""
    voice_stt_waiting_max: int = Field(default=8, ge=0, le=1000)
    """Requests that may wait for it; one more is refused with 503."""
    voice_stt_deadline_seconds: float = Field(default=600.0, gt=0)
    """When the client sends no X-Request-Timeout; also the most it may ask for."""

    voice_max_upload_bytes: int = Field(default=100 * 1024 * 1024, gt=0)
    voice_max_audio_seconds: float = Field(default=4 * 3600.0, gt=0)
    voice_max_channels: int = Field(default=32, ge=1, le=255)
    voice_decode_workers: int = Field(default=2, ge=1, le=64)
    voice_decode_seconds: float = Field(default=60.0, gt=0)
    """How long decoding an upload may take; a crafted file must not keep a core."""
