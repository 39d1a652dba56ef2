"""How long to wait before a process that died is started again. Pure; used by supervised.py."""

from dataclasses import dataclass

FIRST_SECONDS = 0.5
MAX_SECONDS = 30.0
SETTLED_SECONDS = 60.0
"""A process that ran this long has settled: its next death is a first one."""


@dataclass(slots=True)
class Backoff:
    """Doubles from death to death: 0.5, 1, 2, … 30 seconds."""

    deaths: int = 0

    def after_death(self, ran_seconds: float) -> float:
        """The seconds to wait, given how long the process ran."""
        if ran_seconds >= SETTLED_SECONDS:
            self.deaths = 0
        seconds = min(FIRST_SECONDS * 2.0**self.deaths, MAX_SECONDS)
        self.deaths += 1
        return seconds
