"""The processes' log files: their last lines, and keeping them from growing for ever."""

import shutil
from collections import deque
from pathlib import Path

MAX_BYTES = 20 * 1024 * 1024


def last_lines(path: Path, count: int) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, maxlen=count)]
    except OSError:
        return []


def rotate_if_large(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Keeps one older file, `<name>.log.1`. Copied and emptied, not moved: its writer has it open."""
    if path.exists() and path.stat().st_size > max_bytes:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        with path.open("r+b") as file:
            file.truncate(0)
