"""HTTP metrics of a service, in base units with bounded labels. Each app has a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

LATENCY_BUCKETS_SECONDS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0,
)  # fmt: skip


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
