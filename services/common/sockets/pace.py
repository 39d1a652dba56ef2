"""How fast one socket's frames may come: a token bucket. Pure, but for the time it is told."""


class Pace:
    """`per_second`: in the long run; `burst`: at once."""

    __slots__ = ("_burst", "_filled_at", "_left", "_per_second")

    def __init__(self, per_second: float, burst: int, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = float(burst)
        self._filled_at = now

    def take(self, now: float) -> bool:
        """Whether one more is within bounds."""
        gained = (now - self._filled_at) * self._per_second
        self._left = min(self._burst, self._left + gained)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
