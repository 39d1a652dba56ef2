"""Settings of synthesis. Units are in the names, bounds beside the defaults."""

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from services.common.settings import ServiceSettings

KNOWN_ENGINES = ("coqui", "google", "kokoro", "espeak", "simulated")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class SynthesisSettings(ServiceSettings):
    voice_tts_chain: Annotated[tuple[str, ...], NoDecode] = KNOWN_ENGINES
    """Engines in the order in which they are asked; comma-separated in the environment."""
    voice_tts_workers: int = Field(default=1, ge=1, le=64)
    """Sentences an engine speaks at a time."""
    voice_tts_waiting_max: int = Field(default=16, ge=0, le=1000)
    voice_tts_requests_max: int = Field(default=8, ge=1, le=1000)
    """Texts being spoken at a time; one more is refused with 503."""
    voice_tts_deadline_seconds: float = Field(default=300.0, gt=0)
    """For a whole text, when the client sends no X-Request-Timeout; also the most it may ask for."""
    voice_tts_sentence_base_seconds: float = Field(default=5.0, gt=0)
    voice_tts_sentence_seconds_per_character: float = Field(default=0.1, ge=0)
    """An engine that takes longer over a sentence than the base plus this has failed."""
    voice_tts_threads: int = Field(default=0, ge=0, le=256)
    """Threads of a neural engine's call; 0: as many as there are cores."""

    voice_kokoro_models: Annotated[tuple[str, ...], NoDecode] = ("kokoro-v1.0", "kokoro-int8-ja")
    """Folders in the models directory; the first that is there is used."""

    voice_coqui_model: str = "coqui"
    """Folder in the models directory with `model.pth` and `config.json`."""
    voice_coqui_device: str = "cpu"

    voice_google_credentials_file: Path | None = Field(
        default=None,
        validation_alias=AliasChoices("voice_google_credentials_file", "google_application_credentials"),
    )
    """A service account's key. None: nothing is ever sent to Google."""
    voice_google_endpoint: str | None = None
    """host:port instead of Google's own, such as a private endpoint."""
    voice_google_insecure: bool = False
    """No TLS and no credentials; only for an endpoint on this machine."""
    voice_google_timeout_seconds: float = Field(default=10.0, gt=0, le=120)
    """For a sentence. A sentence's own limit cancels the call sooner."""

    @field_validator("voice_tts_chain", "voice_kokoro_models", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("voice_tts_chain")
    @classmethod
    def _known_engines(cls, chain: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in chain if name not in KNOWN_ENGINES]
        if unknown or not chain or len(set(chain)) < len(chain):
            raise ValueError(
                f"names each of {', '.join(KNOWN_ENGINES)} at most once; got {', '.join(chain) or 'none'}"
            )
        return chain

    @model_validator(mode="after")
    def _plain_text_stays_on_this_machine(self) -> "SynthesisSettings":
        host = (self.voice_google_endpoint or "").rpartition(":")[0].strip("[]")
        if self.voice_google_insecure and host not in _LOOPBACK:
            raise ValueError(
                "VOICE_GOOGLE_INSECURE needs a VOICE_GOOGLE_ENDPOINT on this machine, such as localhost:9000"
            )
        return self
