"""What service_routing.yml may say. Pydantic at the edge; routing_file.py adds the lines to its errors."""

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Upstream = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+:[1-9][0-9]{0,4}$")]
"""host:port; where the service is when no environment variable says otherwise."""
_SEGMENTS = r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+"
RoutePath = Annotated[str, StringConstraints(pattern=rf"^{_SEGMENTS}(/\*)?$")]
"""An exact path, or everything below one: `/api/v1/voice/*`."""
PlainPath = Annotated[str, StringConstraints(pattern=rf"^{_SEGMENTS}$")]
HiddenPath = Annotated[str, StringConstraints(pattern=rf"^{_SEGMENTS}\*?$")]
HeaderPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+\*?$")]
Sentence = Annotated[str, StringConstraints(pattern=r"^[A-Z][^\"\\{}`\x00-\x1f]{10,200}[.!]$")]
"""For a person to read. Without quotes and braces: it stands inside a Caddyfile."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Balance(StrEnum):
    REPLICAS = "replicas"
    """All are equal; requests take turns."""
    ORDERED = "ordered"
    """The first that is ready serves; the others wait for it to fail (blue and green)."""


Credential = Literal["authorization", "token", "ticket", "subprotocol"]
"""Where the upgrade to a WebSocket may carry its identity. The service verifies it; the gateway asks only
that one is there, so that a socket without any costs the service nothing."""


class HealthCheck(_Strict):
    path: PlainPath
    interval_ms: int = Field(ge=100, le=60_000)
    timeout_ms: int = Field(ge=100, le=10_000)


class Retries(_Strict):
    count: int = Field(ge=0, le=20)
    interval_ms: int = Field(ge=10, le=1_000)


class Route(_Strict):
    example: PlainPath | None = None
    """Of a prefix: a path below it that wants a token. The integration validator asks for it."""
    cut_prefix: PlainPath | None = None
    """Removed from the front of the path before the service sees it."""
    rewrite_to: PlainPath | None = None
    """The path that the service sees instead."""
    body_max_kib: int = Field(default=64, ge=0, le=4 * 1024 * 1024)
    response_header_timeout_seconds: int = Field(default=10, ge=1, le=3600)
    """Until the first byte of the answer. A stream sends its headers at once and then takes its time."""
    websocket_credentials: tuple[Credential, ...] = ()
    """Not empty: this is a WebSocket, and an upgrade without any of these is refused with 401."""


class Service(_Strict):
    upstreams: tuple[Upstream, ...] = Field(min_length=1)
    balance: Balance = Balance.REPLICAS
    sentence: Sentence
    """What a client is told while no upstream is ready."""
    routes: dict[RoutePath, Route] = Field(min_length=1)


class Routing(_Strict):
    health_check: HealthCheck
    retries: Retries
    hidden_paths: tuple[HiddenPath, ...] = Field(min_length=1)
    removed_request_headers: tuple[HeaderPattern, ...]
    services: dict[ServiceName, Service] = Field(min_length=1)


def upstreams_variable(service: str) -> str:
    """The environment variable with a service's upstreams, space-separated, instead of those in the file."""
    return re.sub(r"[^A-Z0-9]", "_", service.upper()) + "_UPSTREAMS"
