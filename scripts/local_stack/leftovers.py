"""Ends processes of a stack whose supervisor is gone: killed, or the machine's out-of-memory killer was."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress

from scripts.local_stack.snapshot import ProcessState

_GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.1


def end(processes: Sequence[ProcessState], grace_seconds: float = _GRACE_SECONDS) -> None:
    """In the opposite order of their start; each has the grace to end by itself, then it is killed."""
    for process in reversed(processes):
        _signal(process, signal.SIGTERM)
        _wait(process, grace_seconds)
        _signal(process, signal.SIGKILL)


def _wait(process: ProcessState, seconds: float) -> None:
    until = time.monotonic() + seconds
    while _alive(process) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)


def _alive(process: ProcessState) -> bool:
    return process.id is not None and process.id.alive()


def _signal(process: ProcessState, number: signal.Signals) -> None:
    """To the process's own group, so that what it started goes with it. Never to a pid that was reused."""
    if process.id is not None and process.id.alive():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.id.pid, number)
