"""The version has one truth in two places."""

import tomllib
from pathlib import Path

from services import __version__

ROOT = Path(__file__).resolve().parents[3]


def test_the_services_say_the_version_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert __version__ == project["version"]
