"""The settings that every service has. One frozen class per service derives from ServiceSettings.

Values come from the environment, or from files in PARLEY_SECRETS_DIR (`jwt_secret`) as containers have them.
"""

import os
import sys
from pathlib import Path
from typing import Literal, NoReturn, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.common.signing_secret import refuse_weak_secret

S = TypeVar("S", bound=BaseSettings)

EXIT_CONFIGURATION = 2
Algorithm = Literal["HS256", "RS256", "ES256"]


class ServiceSettings(BaseSettings):
    """Common to all services. Environment variables have the fields' names in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    """0 lets the system choose."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    drain_seconds: float = Field(default=0.0, ge=0, le=60)
    """How long to go on serving after SIGTERM, saying not ready, where a proxy spreads work over replicas."""
    drain_says_not_ready: bool = True
    """False where one name stands for all replicas: a proxy would take one's leaving for all of them."""
    parley_models_dir: Path = Path(".parley/models")

    jwt_secret: SecretStr | None = None
    """HS256 key, at least 32 bytes. No default: without it, or JWT_JWKS_URL, a service does not start."""
    jwt_jwks_url: str | None = None
    """Where RS256/ES256 keys are published; cached and refreshed when a key id is unknown."""
    jwt_issuer: str = "parley"
    jwt_audience: str = "parley"
    jwt_max_lifetime_seconds: int = Field(default=30 * 24 * 3600, gt=0)
    """A token whose exp is further than this from its iat is refused."""
    jwt_leeway_seconds: int = Field(default=30, ge=0, le=300)
    jwt_jwks_cache_seconds: float = Field(default=300.0, gt=0)
    jwt_jwks_timeout_seconds: float = Field(default=2.0, gt=0)

    @field_validator("jwt_secret")
    @classmethod
    def _secret_is_strong(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            refuse_weak_secret(secret.get_secret_value())
        return secret

    @model_validator(mode="after")
    def _some_key_is_there(self) -> "ServiceSettings":
        if self.jwt_secret is None and self.jwt_jwks_url is None:
            raise ValueError("JWT_SECRET is not set (and no JWT_JWKS_URL): nobody could be let in")
        return self

    @property
    def jwt_algorithms(self) -> tuple[Algorithm, ...]:
        """The algorithms that are accepted. They follow from the keys at hand, never from the token."""
        symmetric: tuple[Algorithm, ...] = ("HS256",) if self.jwt_secret else ()
        return symmetric + (("RS256", "ES256") if self.jwt_jwks_url else ())


def load_settings(settings_class: type[S]) -> S:
    """Builds the settings, or says which variable was refused and why, and exits with 2."""
    secrets_dir = os.environ.get("PARLEY_SECRETS_DIR")
    try:
        return settings_class(_secrets_dir=secrets_dir)
    except ValidationError as error:
        _refuse(error)


def _refuse(error: ValidationError) -> NoReturn:
    for item in error.errors():
        variable = "_".join(str(part) for part in item["loc"]).upper()
        reason = item["msg"].removeprefix("Value error, ")
        sys.stderr.write(f"refusing to start: {variable + ': ' if variable else ''}{reason}\n")
    raise SystemExit(EXIT_CONFIGURATION)
