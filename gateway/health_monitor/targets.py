"""What is watched: every upstream of every service in the routing file."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.schema import Routing, upstreams_variable


@dataclass(frozen=True, slots=True)
class Target:
    """`sentence` is what clients are told while the service has no upstream that is ready."""

    service: str
    upstream: str
    health_url: str
    sentence: str

    @property
    def key(self) -> str:
        return f"{self.service}@{self.upstream}"


def targets(routing: Routing, environment: Mapping[str, str] = os.environ) -> list[Target]:
    return list(_targets(routing, environment))


def _targets(routing: Routing, environment: Mapping[str, str]) -> Iterator[Target]:
    for name, service in routing.services.items():
        override = environment.get(upstreams_variable(name), "").split()
        for upstream in override or service.upstreams:
            url = f"http://{upstream}{routing.health_check.path}"
            yield Target(name, upstream, url, service.sentence)
