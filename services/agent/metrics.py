"""The agent's metrics, in base units with bounded labels."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.common.circuit_breaker import BreakerState
from services.common.metrics import LATENCY_BUCKETS_SECONDS, BreakerStates


class AgentMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._nodes = Histogram(
            "agent_node_seconds",
            "One attempt of a node.",
            ("node", "outcome"),
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )
        self._runs = Counter("agent_runs_total", "Runs ended.", ("outcome",), registry=registry)
        self._revisions = Counter(
            "agent_revisions_total", "Drafts that were written anew.", registry=registry
        )
        self._running = Gauge("agent_runs_running", "Runs under way.", registry=registry)
        self._waiting = Gauge("agent_runs_waiting", "Runs that wait for a place.", registry=registry)
        self._serving = Gauge("agent_serving", "1 while this colour serves.", ("colour",), registry=registry)

    def node_ended(self, node: str, outcome: str, seconds: float) -> None:
        """`outcome`: ok or failed."""
        self._nodes.labels(node, outcome).observe(seconds)

    def run_ended(self, outcome: str, revisions: int = 0) -> None:
        """`outcome`: answered, failed or left (nobody waited any more)."""
        self._runs.labels(outcome).inc()
        self._revisions.inc(revisions)

    def watch_queue(self, running: Callable[[], float], waiting: Callable[[], float]) -> None:
        self._running.set_function(running)
        self._waiting.set_function(waiting)

    def watch_role(self, colour: str, serving: Callable[[], bool]) -> None:
        self._serving.labels(colour).set_function(lambda: float(serving()))

    def watch_breakers(self, states: Callable[[], Mapping[str, BreakerState]]) -> None:
        """`states` is asked at every scrape: dependency → its breaker."""
        self._registry.register(BreakerStates("agent_breaker_state", states))
