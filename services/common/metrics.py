"""HTTP metrics of a service, in base units with bounded labels. Each app has a registry of its own."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from services.common.circuit_breaker import BreakerState

LATENCY_BUCKETS_SECONDS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0,
)  # fmt: skip
_STATES = {state: value for value, state in enumerate(BreakerState)}


def new_registry() -> CollectorRegistry:
    """With the process's own figures (memory, CPU, descriptors) already in it."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class HttpMetrics:
    """Labels: the route's template, never the path, which a client chooses."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route", "status")
        self.requests = Counter("http_requests_total", "Requests answered.", labels, registry=registry)
        self.in_progress = Gauge("http_requests_in_progress", "Requests under way.", registry=registry)
        self.seconds = Histogram(
            "http_request_seconds",
            "Time to the end of the response.",
            ("method", "route"),
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )


class BreakerStates(Collector):
    """The breakers of what a service needs. `states` is asked at every scrape: dependency → its breaker."""

    def __init__(self, name: str, states: Callable[[], Mapping[str, BreakerState]]) -> None:
        self._name = name
        self._states = states

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._name, "0 closed, 1 open, 2 half open.", labels=["dependency"])
        for dependency, state in self._states().items():
            family.add_metric([dependency], _STATES[state])
        yield family
