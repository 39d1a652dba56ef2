"""What every service that opens WebSockets is told about the pages that may use them."""

from typing import Annotated

from pydantic import field_validator
from pydantic_settings import NoDecode

from services.common.settings import ServiceSettings


class SocketSettings(ServiceSettings):
    allowed_origins: Annotated[frozenset[str], NoDecode] = frozenset(
        {"http://localhost:8080", "http://127.0.0.1:8080"}
    )
    """Pages that may open a WebSocket; comma-separated. A client that sends no Origin is no browser."""

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _origins_are_comma_separated(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return frozenset(part.strip().rstrip("/").lower() for part in value.split(",") if part.strip())
