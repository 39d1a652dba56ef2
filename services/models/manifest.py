"""What the manifests say: which models there are, what each is for, and where its bytes come from.

Every `services/<service>/models.toml` is a manifest. A model has one set of bytes, named by their SHA-256;
its sources differ only in how they carry them.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.models.errors import ManifestRefused, UnknownModel

RECORD_NAME = "parley-model.json"
_LOOPBACK = {"127.0.0.1", "localhost"}


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or path == RECORD_NAME:
        raise ValueError(f"{path!r} is not a path inside the model's folder")
    return path


def _guarded(address: str) -> str:
    url = urlsplit(address)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOOPBACK):
        raise ValueError(f"{address!r} is not an https address")
    return address


def canonical_name(name: str) -> str:
    """A package's name as indexes compare it. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


RelativePath = Annotated[str, AfterValidator(_inside)]
Address = Annotated[str, AfterValidator(_guarded)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Bytes = Annotated[int, Field(gt=0)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFile(_Entry):
    """A file of a model. Without a SHA-256 the first download is trusted, recorded, and said to be so."""

    path: RelativePath
    bytes: Bytes | None = None
    sha256: Sha256 | None = None


class OfficialFiles(_Entry):
    """Each file at `base` + its path, or + its name there where that differs."""

    base: Address
    names: Mapping[str, str] = {}

    def address(self, path: str) -> str:
        return self.base + self.names.get(path, path)


class OfficialArchive(_Entry):
    """A zip file with the model under `folder`; `names` maps a file's path to its name there."""

    address: Address
    folder: str
    bytes: Bytes | None = None
    sha256: Sha256 | None = None
    names: Mapping[str, str] = {}

    @property
    def file_name(self) -> str:
        return PurePosixPath(urlsplit(self.address).path).name


class Wheel(_Entry):
    """One release of a package, as an index has it."""

    name: str
    version: str
    bytes: Bytes
    sha256: Sha256

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def is_named(self, file_name: str) -> bool:
        """Whether a file is this wheel, by the naming of wheels (PEP 427, PEP 503)."""
        name, version, *_ = [*file_name.removesuffix(".whl").split("-"), ""]
        same_name = canonical_name(name) == canonical_name(self.name)
        return file_name.endswith(".whl") and same_name and version == self.version


class WheelFiles(_Entry):
    """Files carried by wheels, under `folder`, or in the `members` named: parts are joined in their order."""

    packages: Sequence[Wheel] = Field(min_length=1)
    folder: str = ""
    members: Mapping[str, Sequence[str]] = {}

    def parts(self, path: str) -> Sequence[str]:
        return self.members.get(path) or (self.folder + path,)


class Model(_Entry):
    """A model: a folder of this name in the models folder."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    purpose: str
    languages: Sequence[str] = Field(min_length=1)
    licence: str
    about: str
    files: Sequence[ModelFile] = ()
    official: OfficialFiles | None = None
    archive: OfficialArchive | None = None
    wheel: WheelFiles | None = None

    @property
    def bytes(self) -> int | None:
        """Size in its folder; None where the manifest cannot know it."""
        sizes = [file.bytes for file in self.files]
        return sum(size for size in sizes if size) if sizes and None not in sizes else None

    @model_validator(mode="after")
    def _can_be_had(self) -> Self:
        if not (self.official or self.archive or self.wheel):
            raise ValueError(f"{self.name} has no source")
        if not self.files and (self.official or self.wheel):
            raise ValueError(f"{self.name} names no files")
        if self.wheel and any(file.sha256 is None for file in self.files):
            raise ValueError(f"{self.name}: the files of a wheel need their SHA-256")
        return self


class _Manifest(_Entry):
    models: Sequence[Model]


class Catalogue:
    """All models of all manifests, in the manifests' order."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._models: dict[str, Model] = {}
        for model in models:
            if model.name in self._models:
                raise ManifestRefused(f"two manifests name the model {model.name}")
            self._models[model.name] = model

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def model(self, name: str) -> Model:
        """Raises UnknownModel, with the names there are."""
        try:
            return self._models[name]
        except KeyError:
            known = ", ".join(self._models)
            raise UnknownModel(f"there is no model {name}; there are: {known}") from None


def read_catalogue(services: Path) -> Catalogue:
    """Reads every `<services>/*/models.toml`. Raises ManifestRefused, naming the file and the entry."""
    manifests = sorted(services.glob("*/models.toml"))
    return Catalogue(model for manifest in manifests for model in _read(manifest))


def _read(manifest: Path) -> Sequence[Model]:
    try:
        return _Manifest.model_validate(tomllib.loads(manifest.read_text("utf-8"))).models
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise ManifestRefused(f"{manifest.parent.name}/{manifest.name}: {place}: {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise ManifestRefused(f"{manifest.parent.name}/{manifest.name}: {error}") from error
