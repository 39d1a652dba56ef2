"""One stack per folder. The lock is held while the supervisor lives; the kernel drops it when that dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(Exception):
    """Another supervisor holds the lock."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Raises AlreadyRunning. No child inherits it: the descriptor closes on exec."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise AlreadyRunning from exc
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with held(path):
            return False
    except AlreadyRunning:
        return True
