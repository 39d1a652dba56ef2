"""Judges a model's folder that somebody made: whether it is, byte for byte, what the manifest names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.models.manifest import Model
from services.models.record import ModelRecord, RecordedFile
from services.models.staging import sha256_of


@dataclass(frozen=True, slots=True)
class ByHand:
    """The manifest's files, by how they are found. One whose checksum nobody published is `other`."""

    same: Sequence[RecordedFile]
    other: Sequence[str]
    missing: Sequence[str]


def by_hand(model: Model, folder: Path) -> ByHand:
    """Reads every byte of the manifest's files."""
    missing = [file.path for file in model.files if not (folder / file.path).is_file()]
    same, other = [], []
    for file in model.files:
        path = folder / file.path
        if file.path in missing:
            continue
        if file.sha256 and sha256_of(path) == file.sha256:
            size = path.stat().st_size
            same.append(RecordedFile(path=file.path, bytes=size, sha256=file.sha256, trust="manifest"))
        else:
            other.append(file.path)
    return ByHand(same, other, missing)


def adopted(model: Model, files: Sequence[RecordedFile], *, now: datetime) -> ModelRecord:
    """The record that a pull would have written."""
    return ModelRecord(
        name=model.name,
        purpose=model.purpose,
        languages=model.languages,
        licence=model.licence,
        source="somebody's hand",
        pulled_at=now,
        files=files,
    )
