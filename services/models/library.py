"""The models folder: what is in it, how complete it is, and the lock that pulls share."""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from services.models.manifest import Model
from services.models.record import ModelRecord, read_record
from services.models.staging import Staging, sha256_of


class State(StrEnum):
    READY = "ready"
    ABSENT = "absent"
    PARTLY_FETCHED = "partly fetched"
    DAMAGED = "damaged"
    OUTDATED = "another version"
    BY_HAND = "put in by hand"


@dataclass(frozen=True, slots=True)
class Held:
    """How a model stands in the folder. `bytes` are those on the disk."""

    state: State
    record: ModelRecord | None
    bytes: int


class Library:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def folder_of(self, model: Model) -> Path:
        return self.folder / model.name

    def downloads_of(self, model: Model) -> Path:
        """Where unfinished transfers of a model wait for the next pull."""
        return self.folder / ".downloads" / model.name

    def held(self, model: Model) -> Held:
        """From names and sizes alone: quick enough to ask at every start. `differences` reads the bytes."""
        folder = self.folder_of(model)
        if not folder.is_dir():
            fetched = _bytes_under(self.downloads_of(model))
            return Held(State.PARTLY_FETCHED if fetched else State.ABSENT, None, fetched)
        record = read_record(folder)
        return Held(_state(model, folder, record), record, _bytes_under(folder))

    @contextmanager
    def staging(self, model: Model) -> Iterator[Staging]:
        """An empty staged folder, removed at the end whatever happens."""
        folder = self.folder / ".staging" / model.name
        staging = Staging(model, folder)
        staging.restart()
        try:
            yield staging
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def install(self, staging: Staging, record: ModelRecord) -> None:
        """The record is the last file; then the folder takes its name in one step."""
        record.write(staging.folder)
        target = self.folder_of(staging.model)
        aside = staging.folder.with_name(f"{staging.model.name}.old")
        shutil.rmtree(aside, ignore_errors=True)
        if target.exists():
            target.replace(aside)
        staging.folder.replace(target)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(self.downloads_of(staging.model), ignore_errors=True)

    @contextmanager
    def locked(self, waiting: Callable[[], None]) -> Iterator[None]:
        """One pull at a time; `waiting` is called once where another one has the lock."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def differences(folder: Path, record: ModelRecord) -> list[str]:
    """Reads every byte: one sentence for each file that is not as it was recorded."""
    found = []
    for file in record.files:
        path = folder / file.path
        if not path.is_file():
            found.append(f"{file.path} is missing")
        elif path.stat().st_size != file.bytes or sha256_of(path) != file.sha256:
            found.append(f"{file.path} has other bytes than were pulled")
    return found


def _state(model: Model, folder: Path, record: ModelRecord | None) -> State:
    if record is None:
        return State.BY_HAND
    if not record.agrees_with(model):
        return State.OUTDATED
    whole = all(_size(folder / file.path) == file.bytes for file in record.files)
    return State.READY if whole else State.DAMAGED


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _bytes_under(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
