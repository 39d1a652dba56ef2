"""What transcription counts. Base units, bounded labels."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.common.metrics import LATENCY_BUCKETS_SECONDS


class TranscriptionMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "voice_transcription_seconds",
            "Time of an engine for an utterance.",
            ("engine", "outcome"),
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )
        self._routing = Counter(
            "voice_routing_total", "Utterances by routing rule.", ("rule",), registry=registry
        )
        self._audio_seconds = Counter("voice_audio_seconds_total", "Audio received.", registry=registry)

    def routed(self, rule: str, audio_seconds: float) -> None:
        self._routing.labels(rule).inc()
        self._audio_seconds.inc(audio_seconds)

    def done(self, engine: str, outcome: str, seconds: float) -> None:
        self._seconds.labels(engine, outcome).observe(seconds)
