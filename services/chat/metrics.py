"""The chat service's metrics, in base units with bounded labels."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.common.circuit_breaker import BreakerState
from services.common.metrics import LATENCY_BUCKETS_SECONDS, BreakerStates

_TOKENS_PER_SECOND = (1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000)


class ChatMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._acknowledge = Histogram(
            "chat_acknowledge_seconds",
            "From a message's arrival until the store has it.",
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )
        self._first_token = Histogram(
            "chat_first_token_seconds",
            "From the stored message to the reply's first token.",
            ("provider",),
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )
        self._rate = Histogram(
            "chat_tokens_per_second",
            "Tokens of a reply over the time from its first to its last.",
            ("provider",),
            buckets=_TOKENS_PER_SECOND,
            registry=registry,
        )
        self._replies = Counter(
            "chat_replies_total", "Replies ended.", ("provider", "outcome"), registry=registry
        )
        self.sockets = Gauge("chat_sockets", "WebSockets open.", registry=registry)
        self._closed = Counter(
            "chat_sockets_closed_total",
            "WebSockets that we closed.",
            ("code",),
            registry=registry,
        )
        self._running = Gauge("chat_generations_running", "Replies being written.", registry=registry)
        self._waiting = Gauge("chat_generations_waiting", "Replies that wait for a place.", registry=registry)

    def acknowledged(self, seconds: float) -> None:
        self._acknowledge.observe(seconds)

    def first_token(self, provider: str, seconds: float) -> None:
        self._first_token.labels(provider).observe(seconds)

    def ended(self, provider: str, outcome: str) -> None:
        """`outcome`: complete, cancelled or failed."""
        self._replies.labels(provider, outcome).inc()

    def pace(self, provider: str, tokens: int, seconds: float) -> None:
        if tokens > 1 and seconds > 0:
            self._rate.labels(provider).observe(tokens / seconds)

    def socket_closed(self, code: int) -> None:
        self._closed.labels(str(code)).inc()

    def watch_queue(self, running: Callable[[], float], waiting: Callable[[], float]) -> None:
        self._running.set_function(running)
        self._waiting.set_function(waiting)

    def watch_breakers(self, states: Callable[[], Mapping[str, BreakerState]]) -> None:
        """`states` is asked at every scrape: dependency → its breaker."""
        self._registry.register(BreakerStates("chat_breaker_state", states))
