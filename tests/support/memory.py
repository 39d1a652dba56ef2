"""How much memory a process takes at its peak while something happens to it."""

import threading
from types import TracebackType

import psutil

_EVERY_SECONDS = 0.01


class PeakMemory:
    """Resident bytes, looked at a hundred times a second while the block runs."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._before = self._peak = self._resident_bytes()

    @property
    def growth_bytes(self) -> int:
        return self._peak - self._before

    def __enter__(self) -> "PeakMemory":
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._peak = max(self._peak, self._resident_bytes())

    def _resident_bytes(self) -> int:
        return int(self._process.memory_info().rss)
