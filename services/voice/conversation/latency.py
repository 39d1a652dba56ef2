"""How long a person waits for an answer, stage by stage, all counted from the end of their speech."""

from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.common.metrics import LATENCY_BUCKETS_SECONDS

END_OF_TURN, TRANSCRIPT = "end_of_turn", "transcript"
FIRST_TOKEN, FIRST_PHRASE, FIRST_AUDIO = "first_token", "first_phrase", "first_audio"


class ConversationMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._stages = Histogram(
            "voice_conversation_stage_seconds",
            "From the end of speech to the turn's end, its words, the reply's first token, phrase and audio.",
            ("stage",),
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )
        self._replies = Counter(
            "voice_conversation_replies_total", "Spoken replies.", ("outcome",), registry=registry
        )

    def stage(self, name: str, seconds: float) -> None:
        self._stages.labels(name).observe(seconds)

    def ended(self, outcome: str) -> None:
        """`outcome`: completed, cancelled or failed."""
        self._replies.labels(outcome).inc()


@dataclass(slots=True)
class Stages:
    """Of one reply. `since`: of the clock, the end of speech, or when a text was sent."""

    since: float
    clock: Callable[[], float]
    metrics: ConversationMetrics
    seconds: dict[str, float] = field(default_factory=dict)

    def reached(self, stage: str, at: float | None = None) -> None:
        """Counts the first time only. `at`: of the clock; None is now."""
        if stage not in self.seconds:
            self.seconds[stage] = (self.clock() if at is None else at) - self.since
            self.metrics.stage(stage, self.seconds[stage])

    def as_metadata(self) -> dict[str, str]:
        """For the response's metadata, whose values are strings."""
        return {f"{stage}_ms": str(round(1000 * seconds)) for stage, seconds in self.seconds.items()}
