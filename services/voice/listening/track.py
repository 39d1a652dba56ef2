"""The audio of one stream, by the index of its samples, as far back as an open turn needs it."""

from collections import deque

import numpy as np
from numpy.typing import NDArray


class Track:
    """`keep_samples`: held before the newest sample even when nobody needs them."""

    def __init__(self, keep_samples: int) -> None:
        self._keep_samples = keep_samples
        self._chunks: deque[NDArray[np.float32]] = deque()
        self._first = 0
        self.end = 0
        """Index after the newest sample."""

    def append(self, samples: NDArray[np.float32], needed_from: int | None) -> None:
        """`needed_from`: nothing from this index on may be dropped."""
        self._chunks.append(samples)
        self.end += len(samples)
        oldest = self.end - self._keep_samples
        oldest = oldest if needed_from is None else min(oldest, needed_from)
        while self._chunks and self._first + len(self._chunks[0]) <= oldest:
            self._first += len(self._chunks.popleft())

    def between(self, start: int, end: int) -> NDArray[np.float32]:
        """What is still held of it."""
        held = np.concatenate(self._chunks) if self._chunks else np.zeros(0, dtype=np.float32)
        return np.asarray(held[max(0, start - self._first) : max(0, end - self._first)])
