"""What synthesis counts. Base units, bounded labels."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.common.metrics import LATENCY_BUCKETS_SECONDS
from services.voice.synthesis.chain import Report


class SynthesisMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        buckets = LATENCY_BUCKETS_SECONDS
        self._first_audio = Histogram(
            "voice_first_audio_seconds", "Time to the first sentence.", buckets=buckets, registry=registry
        )
        self._seconds = Histogram(
            "voice_synthesis_seconds",
            "Time for a whole text, by the engine that ended it.",
            ("engine", "outcome"),
            buckets=buckets,
            registry=registry,
        )
        self._fallbacks = Counter(
            "voice_synthesis_fallbacks_total",
            "Engines passed over, with the reason.",
            ("engine", "reason"),
            registry=registry,
        )

    def first_audio(self, seconds: float) -> None:
        self._first_audio.observe(seconds)

    def done(self, report: Report, seconds: float) -> None:
        last = next(reversed(report.sentences), "none")
        self._seconds.labels(last, "degraded" if report.degraded else "ok").observe(seconds)
        for engine, outcome in report.attempts.items():
            if outcome != "ok":
                self._fallbacks.labels(engine, outcome).inc()
