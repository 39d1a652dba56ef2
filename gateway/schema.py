"""What service_routing.yml may say. Pydantic at the edge; routing_file.py adds the lines to its errors."""

import re
from collections.abc import Mapping
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


Colour = Literal["blue", "green"]


class HealthCheck(_Strict):
    """Caddy's own, which decides who gets requests."""

    path: PlainPath
    interval_ms: int = Field(ge=100, le=60_000)
    timeout_ms: int = Field(ge=100, le=10_000)


class Breaker(_Strict):
    """The monitor's, one for each upstream."""

    failure_threshold: int = Field(default=5, ge=1, le=1_000)
    """Failures in a row that open it."""
    reset_seconds: float = Field(default=60.0, gt=0, le=86_400)
    """Until an open one is probed."""


class Monitoring(_Strict):
    """Of the monitor, which checks for people to see. Caddy checks for itself, see HealthCheck."""

    interval_seconds: float = Field(default=30.0, gt=0, le=3_600)
    timeout_seconds: float = Field(default=2.0, gt=0, le=60)


class Retries(_Strict):
    """Of a connection that was refused, and of a GET; never of a POST that was sent."""

    count: int = Field(ge=1, le=20)
    interval_ms: int = Field(ge=10, le=1_000)
    read_timeout_ms: int = Field(default=1_500, ge=100, le=60_000)
    """A GET whose answer has not begun by then is asked again, of another replica where there is one."""
    patience_ms: int = Field(default=4_000, ge=500, le=60_000)
    """For a GET, with all of its tries; and for an ordered pair to change places."""


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
    colours: tuple[Colour, ...] = ()
    """Of an ordered pair that is deployed blue and green: the colour of each upstream, in their order. The
    first serves until `python -m gateway switch` says otherwise."""
    sentence: Sentence
    """What a client is told while no upstream is ready."""
    health_check: HealthCheck | None = None
    """None: as every other service."""
    breaker: Breaker | None = None
    """None: as every other service."""
    routes: dict[RoutePath, Route] = Field(min_length=1)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Of its upstreams, as the file names them, without their ports."""
        return tuple(upstream.rpartition(":")[0] for upstream in self.upstreams)


class Routing(_Strict):
    health_check: HealthCheck
    breaker: Breaker = Breaker()
    monitoring: Monitoring = Monitoring()
    retries: Retries
    hidden_paths: tuple[HiddenPath, ...] = Field(min_length=1)
    removed_request_headers: tuple[HeaderPattern, ...]
    services: dict[ServiceName, Service] = Field(min_length=1)

    def health_check_of(self, service: Service) -> HealthCheck:
        return service.health_check or self.health_check

    def breaker_of(self, service: Service) -> Breaker:
        return service.breaker or self.breaker


def upstreams_variable(service: str) -> str:
    """The environment variable with a service's upstreams, space-separated, instead of those in the file."""
    return re.sub(r"[^A-Z0-9]", "_", service.upper()) + "_UPSTREAMS"


def upstreams_of(name: str, service: Service, environment: Mapping[str, str]) -> tuple[Upstream, ...]:
    """Where the service is: as the environment says, or else the file."""
    return tuple(environment.get(upstreams_variable(name), "").split()) or service.upstreams
