"""A small file system for the store, so that its disk can be filled and nothing else's. Used by command.py.

Only for a stack that the drill starts itself, as root on Linux. Elsewhere the store can only be told that its
memory is full.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_BYTES = 32 * 1024 * 1024
_MOUNT_SECONDS = 20.0


def is_small(folder: Path) -> bool:
    """Whether the folder is a file system of its own that can be filled in a moment."""
    if not os.path.ismount(folder):
        return False
    found = os.statvfs(folder)
    return found.f_blocks * found.f_frsize <= SIZE_BYTES


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """What is in the folder is out of sight until the end. Where it cannot be mounted, nothing happens."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_small(folder):
        _run("umount", str(folder))  # left by a drill that was killed
    mounted = _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES},mode=0700", "parley-drill", str(folder))
    try:
        yield
    finally:
        if mounted:
            _run("umount", str(folder))


def _run(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_MOUNT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
