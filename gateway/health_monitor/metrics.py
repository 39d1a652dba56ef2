"""Prometheus metrics of the monitor. Labels come from the routing file, so they are bounded."""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.health_monitor.checks import Check
from gateway.health_monitor.monitor import Monitor
from gateway.health_monitor.targets import Target
from services.common.circuit_breaker import BreakerState

_LABELS = ("service", "upstream")


class CheckMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._checks = Counter(
            "gateway_checks_total", "Health checks made.", (*_LABELS, "outcome"), registry=registry
        )
        self._seconds = Histogram(
            "gateway_check_seconds", "How long an upstream took to answer.", _LABELS, registry=registry
        )

    def observe(self, target: Target, found: Check) -> None:
        self._checks.labels(target.service, target.upstream, "ok" if found.ok else "failed").inc()
        self._seconds.labels(target.service, target.upstream).observe(found.latency_seconds)


class StateCollector(Collector):
    """Reads the monitor when it is scraped."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def collect(self) -> list[GaugeMetricFamily]:
        up = GaugeMetricFamily("gateway_upstream_up", "1 while the upstream would serve.", labels=_LABELS)
        state = GaugeMetricFamily(
            "gateway_breaker_state", "1 for the state that the breaker is in.", labels=(*_LABELS, "state")
        )
        for row in self._monitor.rows():
            names = [row.target.service, row.target.upstream]
            up.add_metric(names, float(row.record.healthy))
            for possible in BreakerState:
                state.add_metric([*names, possible.value], float(row.record.state is possible))
        return [up, state]
