"""`parley-model.json`: what was put into a model's folder, and from where. Written last, it says complete."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from services.models.manifest import RECORD_NAME, Model, ModelFile

Trust = Literal["manifest", "first_use"]
"""Who vouches for a file: the manifest's SHA-256, or nothing but the first download."""


class RecordedFile(BaseModel):
    model_config = ConfigDict(frozen=True)

    path: str
    bytes: int
    sha256: str
    trust: Trust


class ModelRecord(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    purpose: str
    languages: Sequence[str]
    licence: str
    source: str
    pulled_at: datetime
    archive_sha256: str | None = None
    """Of the official archive, where the files came out of one that the manifest vouches for."""
    files: Sequence[RecordedFile]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def trusted_on_first_use(self) -> bool:
        return any(file.trust == "first_use" for file in self.files)

    def agrees_with(self, model: Model) -> bool:
        """Whether what was recorded is what the manifest names today."""
        if self.archive_sha256 and model.archive and not model.files:
            return self.archive_sha256 == model.archive.sha256
        recorded = {file.path: file.sha256 for file in self.files}
        return all(
            recorded.get(file.path) == (file.sha256 or recorded.get(file.path)) for file in model.files
        )

    def write(self, folder: Path) -> None:
        (folder / RECORD_NAME).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> ModelRecord | None:
    """None where there is none that can be read: then the folder was not put there by a pull."""
    try:
        return ModelRecord.model_validate_json((folder / RECORD_NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def with_first_use_checksums(model: Model, record: ModelRecord | None) -> Model:
    """The model with what was once trusted on first use as its checksums: these bytes, from now on."""
    trusted = {file.path: file for file in record.files if file.trust == "first_use"} if record else {}
    if not trusted:
        return model
    named = [file if file.sha256 else _pinned(trusted.get(file.path), file) for file in model.files]
    paths = {file.path for file in named}
    unnamed = [_pinned(file, ModelFile(path=path)) for path, file in trusted.items() if path not in paths]
    return model.model_copy(update={"files": (*named, *unnamed)})


def _pinned(trusted: RecordedFile | None, file: ModelFile) -> ModelFile:
    if trusted is None:
        return file
    return ModelFile(path=file.path, bytes=trusted.bytes, sha256=trusted.sha256)
