"""A process that leaves the cores to others where they want them.

What a model writes may take a little longer while somebody waits for speech, and a recording of hours a lot.
"""

import contextlib
import os
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")


def stand_back(nice: int) -> None:
    """0 to 19, on top of what it is. Before any thread is started: they begin as their process is.

    Where Linux weighs whole sessions, a process is nice within its own alone, so its session stands back too.
    Source: sched(7), the autogroup feature.
    """
    os.nice(nice)
    with contextlib.suppress(OSError):
        _AUTOGROUP.write_text(str(nice), encoding="ascii")
