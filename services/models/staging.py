"""A model's folder while it is being filled: hidden, checked as it is written, then renamed into place.

Whatever a source gives passes through here, so no file reaches a model's folder without its checksum taken
and compared.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from services.models.errors import DiskFull, WrongContent
from services.models.manifest import Model, ModelFile
from services.models.record import ModelRecord, RecordedFile, Trust

CHUNK_BYTES = 1 << 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def disk_full_said(folder: Path) -> Iterator[None]:
    """Turns the system's error into ours: DiskFull names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull(f"the disk with {folder} is full") from error
        raise


def chunks_of(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Staging:
    """Files of one model under way. `vouched` is set by a source whose archive had a known checksum."""

    def __init__(self, model: Model, folder: Path) -> None:
        self.model = model
        self.folder = folder
        self.vouched = False
        self._named = {file.path: file for file in model.files}
        self._written: dict[str, RecordedFile] = {}

    def wants(self, path: str) -> bool:
        """Whether the file belongs to the model; where the manifest names none, all of an archive do."""
        return not self._named or path in self._named

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Raises WrongContent where the bytes are not the manifest's, DiskFull where there is no room."""
        target = self._target(path)
        digest = hashlib.sha256()
        size = 0
        with disk_full_said(self.folder), target.open("wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
                digest.update(chunk)
                size += len(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        self._accept(path, size, digest.hexdigest())

    def adopt(self, path: str, file: Path, sha256: str) -> None:
        """Moves a file whose checksum was just taken."""
        target = self._target(path)
        file.replace(target)
        self._accept(path, target.stat().st_size, sha256)

    def restart(self) -> None:
        """Empties the folder for the next source."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.vouched = False
        self._written.clear()

    def files(self) -> list[RecordedFile]:
        """What was written. Raises WrongContent where a file of the manifest is missing."""
        missing = [path for path in self._named if path not in self._written]
        if missing:
            raise WrongContent(f"{', '.join(missing)} is not in it")
        return list(self._written.values())

    def record(self, *, source: str, pulled_at: datetime) -> ModelRecord:
        archive = self.model.archive
        return ModelRecord(
            name=self.model.name,
            purpose=self.model.purpose,
            languages=self.model.languages,
            licence=self.model.licence,
            source=source,
            pulled_at=pulled_at,
            archive_sha256=archive.sha256 if archive and self.vouched else None,
            files=self.files(),
        )

    def _target(self, path: str) -> Path:
        target = self.folder / ModelFile(path=path).path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _accept(self, path: str, size: int, sha256: str) -> None:
        named = self._named.get(path)
        if named and named.sha256 not in {None, sha256}:
            raise WrongContent(f"{path} has other bytes than the manifest says (SHA-256 {sha256[:12]}…)")
        trust: Trust = "manifest" if self.vouched or (named and named.sha256) else "first_use"
        self._written[path] = RecordedFile(path=path, bytes=size, sha256=sha256, trust=trust)
