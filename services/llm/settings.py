"""Settings of the embedded model server. Units are in the names, bounds beside the defaults."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MODEL_FILE = "model.gguf"


class ModelServerSettings(BaseSettings):
    """It knows no tokens of ours: it listens on an inner address, and on request wants a key of its own."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    host: str = "127.0.0.1"
    port: int = Field(default=8009, ge=0, le=65535)
    """0 lets the system choose."""
    parley_models_dir: Path = Path(".parley/models")

    llm_model: str = "smollm2-135m-instruct"
    """A folder in the models folder with a model.gguf in it, or the path of any GGUF file."""
    llm_context_tokens: int = Field(default=4096, ge=256)
    """Of each slot, prompt and answer together; it is memory. At most what the model was trained for."""
    llm_slots: int = Field(default=4, ge=1, le=256)
    """Answers written at a time, in one batch; further requests wait."""
    llm_threads: int = Field(default=0, ge=0)
    """0: one fewer than there are cores for this process, so that who passes its words on has one too."""
    llm_nice: int = Field(default=0, ge=0, le=19)
    """How far it stands back where others want the cores. Speech begins sooner for it where nothing else
    runs; beside a third busy program, the first token waits for seconds."""
    llm_connections_max: int = Field(default=64, ge=4)
    """Each open request has a thread, the waiting ones and the health check too."""
    llm_prompt_cache_mib: int = Field(default=256, ge=0)
    """Prompts already read, kept for conversations that go on; 0: none."""
    llm_shutdown_seconds: float = Field(default=5.0, ge=0)
    """For answers under way when the server is told to end."""
    llm_api_key: SecretStr | None = None
    """Without it, whoever reaches the address may ask. Clients send it as OPENAI_API_KEY."""

    @property
    def model_file(self) -> Path:
        if self.llm_model.endswith(".gguf"):
            return Path(self.llm_model)
        return self.parley_models_dir / self.llm_model / MODEL_FILE

    @property
    def model_name(self) -> str:
        """What clients call it, in place of a path on this machine."""
        return Path(self.llm_model).stem if self.llm_model.endswith(".gguf") else self.llm_model
