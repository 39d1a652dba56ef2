"""Named sets of models, from `profiles.toml`: what to pull, and what the services are then told."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, TypeAdapter

from services.models.errors import UnknownModel

DEFAULT_PROFILE = "small"
_TABLE = Path(__file__).with_name("profiles.toml")


class Profile(BaseModel):
    """`models` are needed: a list among them is a choice, best first. `optional` ones are welcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purpose: str
    models: Sequence[str | Sequence[str]]
    optional: Sequence[str] = ()
    environment: Mapping[str, str] = {}

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        """These models and no others."""
        return cls(purpose="named one by one", models=names)

    @property
    def choices(self) -> list[Sequence[str]]:
        return [(entry,) if isinstance(entry, str) else entry for entry in self.models]


@cache
def profiles() -> Mapping[str, Profile]:
    """Every profile by its name."""
    return TypeAdapter(dict[str, Profile]).validate_python(tomllib.loads(_TABLE.read_text("utf-8")))


def profile(name: str) -> Profile:
    """Raises UnknownModel, with the names there are."""
    try:
        return profiles()[name]
    except KeyError:
        raise UnknownModel(f"there is no profile {name}; there are: {', '.join(profiles())}") from None
