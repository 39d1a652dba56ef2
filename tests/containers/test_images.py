"""The images: small, without what builds software, and for an ordinary user."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.support.compose import VERSION, ComposeProject, run

BASES = {"caddy": "caddy:2"}
PYTHON = "python:3.11-slim-bookworm"
BUDGET_MB: dict[str, int] = tomllib.loads((Path(__file__).parent / "budget.toml").read_text())
IMAGES = tuple(BUDGET_MB)
TOOLS = "cc gcc g++ c++ clang ld make cmake rustc cargo git"


def _bytes(image: str) -> int:
    return int(json.loads(run(("docker", "image", "inspect", image)))[0]["Size"])


def _in(image: str, script: str) -> str:
    return run(("docker", "run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", script))


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_keeps_to_its_budget(images: ComposeProject, name: str, figures: list[str]) -> None:
    added_mb = (_bytes(f"parley-{name}:{VERSION}") - _bytes(BASES.get(name, PYTHON))) / 1e6
    figures.append(
        f"parley-{name}: {added_mb:.0f} MB on top of its base image (budget: {BUDGET_MB[name]} MB)"
    )
    assert added_mb <= BUDGET_MB[name]


@pytest.mark.parametrize("name", IMAGES)
def test_nothing_that_builds_software_is_left_in_an_image(images: ComposeProject, name: str) -> None:
    found = _in(f"parley-{name}:{VERSION}", f"for tool in {TOOLS}; do command -v $tool || true; done")
    assert found == ""


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_for_an_ordinary_user_who_may_not_change_it(images: ComposeProject, name: str) -> None:
    user, writable = _in(
        f"parley-{name}:{VERSION}",
        "id -u; find / -xdev -type f -writable -not -path '/proc/*' -not -path '/sys/*' 2>/dev/null | wc -l",
    ).split()
    assert user == "10001"
    assert int(writable) == 0


def test_an_image_has_the_code_of_its_own_service_alone(images: ComposeProject) -> None:
    assert _in(f"parley-chat:{VERSION}", "ls /app /app/services").split() == [
        *("/app:", "services"),
        *("/app/services:", "__init__.py", "chat", "common"),
    ]
