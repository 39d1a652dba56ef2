"""What is remembered of an engine for its status: load, last error, pace. Used by engine_host.py."""

import statistics
from collections import deque
from collections.abc import Callable

import psutil

from services.voice.engines import Engine, EngineFailed

_PACE_SAMPLES = 32


class EngineRecord:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._paces: deque[float] = deque(maxlen=_PACE_SAMPLES)
        self.loaded = False
        self.load_seconds: float | None = None
        self.resident_bytes: int | None = None
        """How much we and our child processes grew while the model was loaded; working memory is extra."""
        self.last_error: str | None = None

    def load(self, engine: Engine) -> None:
        """Raises EngineFailed. Blocking."""
        started = self._clock()
        before = _resident_bytes()
        try:
            engine.load()
        except EngineFailed:
            raise
        except Exception as exc:
            raise EngineFailed("load_failed", f"{engine.name} could not be loaded") from exc
        self.load_seconds = round(self._clock() - started, 3)
        self.resident_bytes = max(0, _resident_bytes() - before)
        self.loaded = True

    def note_real_time_factor(self, audio_seconds: float, processing_seconds: float) -> None:
        if audio_seconds > 0:
            self._paces.append(processing_seconds / audio_seconds)

    @property
    def real_time_factor(self) -> float | None:
        """Median of the latest calls: processing seconds per second of audio."""
        return round(statistics.median(self._paces), 4) if self._paces else None


def _resident_bytes() -> int:
    """With the processes that engines have started: theirs is where some models are."""
    own = psutil.Process()
    return sum(_resident_bytes_of(process) for process in (own, *own.children(recursive=True)))


def _resident_bytes_of(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:  # it ended meanwhile
        return 0
