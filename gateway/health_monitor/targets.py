"""What is watched: every upstream of every service in the routing file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.schema import Routing, Service, upstreams_of


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Of one target's breaker."""

    failure_threshold: int = 5
    reset_timeout_seconds: float = 60.0
    probe_lease_seconds: float = 10.0
    """A monitor that dies in the middle of its probe holds up the others no longer than this."""


@dataclass(frozen=True, slots=True)
class Target:
    """`sentence` is what clients are told while the service has no upstream that is ready."""

    service: str
    upstream: str
    health_url: str
    sentence: str
    thresholds: Thresholds = Thresholds()

    @property
    def key(self) -> str:
        return f"{self.service}@{self.upstream}"


def targets(
    routing: Routing,
    environment: Mapping[str, str] = os.environ,
    *,
    failure_threshold: int | None = None,
    reset_timeout_seconds: float | None = None,
) -> list[Target]:
    """The two figures overrule those of the routing file, for every target."""

    def thresholds(service: Service) -> Thresholds:
        told = routing.breaker_of(service)
        return Thresholds(
            failure_threshold or told.failure_threshold, reset_timeout_seconds or told.reset_seconds
        )

    return [
        Target(name, upstream, _health_url(routing, service, upstream), service.sentence, thresholds(service))
        for name, service in routing.services.items()
        for upstream in upstreams_of(name, service, environment)
    ]


def _health_url(routing: Routing, service: Service, upstream: str) -> str:
    """Of a colour it is asked whether it would serve if it were its turn: to wait for it is no fault."""
    role = "?role=any" if service.colours else ""
    return f"http://{upstream}{routing.health_check_of(service).path}{role}"
