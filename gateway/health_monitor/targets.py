"""What is watched: every upstream of every service in the routing file."""

import os
from collections.abc import Iterator, Mapping, Sequence
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
    colour: str = ""
    """Of a service that is deployed blue and green."""

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

    def target(name: str, service: Service, upstream: str, colour: str) -> Target:
        url = _health_url(routing, service, upstream)
        return Target(name, upstream, url, service.sentence, thresholds(service), colour)

    return [
        target(name, service, upstream, colour)
        for name, service in routing.services.items()
        for upstream, colour in _with_colours(service, upstreams_of(name, service, environment))
    ]


def _with_colours(service: Service, upstreams: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each upstream and its colour; "" where they have none, or others are there than the file knows."""
    known = len(service.colours) == len(upstreams)
    return zip(upstreams, service.colours if known else [""] * len(upstreams), strict=True)


def _health_url(routing: Routing, service: Service, upstream: str) -> str:
    """Of a colour it is asked whether it would serve if it were its turn: to wait for it is no fault."""
    role = "?role=any" if service.colours else ""
    return f"http://{upstream}{routing.health_check_of(service).path}{role}"
