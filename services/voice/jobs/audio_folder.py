"""Where uploads wait for a worker: a folder that the voice service and every worker see. Blocking.

Audio is up to 100 MiB a job; Redis would hold that in memory and write it twice. The folder is a shared
volume where they run on one host, a network file system where they do not (docs/operations.md).
"""

import os
import shutil
import time
from pathlib import Path
from typing import BinaryIO


class AudioFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, job_id: str, file: BinaryIO) -> None:
        """Under its name only once it is whole and on the disk. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        arriving = self._folder / f".{job_id}.arriving"
        try:
            with arriving.open("wb") as target:
                file.seek(0)
                shutil.copyfileobj(file, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
            arriving.rename(self._path(job_id))
        finally:
            arriving.unlink(missing_ok=True)

    def open(self, job_id: str) -> tuple[BinaryIO, int]:
        """The file and its size in bytes. Raises FileNotFoundError."""
        path = self._path(job_id)
        return path.open("rb"), path.stat().st_size

    def remove(self, job_id: str) -> None:
        self._path(job_id).unlink(missing_ok=True)

    def remove_older_than(self, seconds: float) -> int:
        """What no job speaks of any more; returns how many files."""
        before = time.time() - seconds
        old = [path for path in self._folder.glob("*") if path.stat().st_mtime < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _path(self, job_id: str) -> Path:
        return self._folder / job_id
