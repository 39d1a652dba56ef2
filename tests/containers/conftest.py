"""One build and one Compose project for all tests of the containers. Whoever asks is slow and needs Docker.

What a test measured it appends to `figures`; they are printed at the end, whether or not it passed.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local_stack.ports import choose
from tests.support.compose import ComposeProject

PROJECT = "parley-under-test"
FILES = ("docker-compose.yml", "deploy/offline.yml", "tests/containers/for_tests.yml")
NAMED = ("voice-interaction-service", "chat-service", "caddy_reverse_proxy")
_PREFERRED_PORTS = {"http": 9480, "https": 9443, "voice": 9406, "chat": 9407}


_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the report."""
    return request.config.stash.setdefault(_FIGURES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = terminalreporter.config.stash.get(_FIGURES, [])
    if lines:
        terminalreporter.section("figures of the containers")
        for line in lines:
            terminalreporter.line(line)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "images" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.docker)
            item.add_marker(pytest.mark.models("whisper-base", "kokoro-int8-ja", "smollm2-135m-instruct"))


@pytest.fixture(scope="session")
def images(models_dir: Path) -> Iterator[ComposeProject]:
    """The project with its images built, and nothing running."""
    ports: dict[str, int] = {}
    for name, preferred in _PREFERRED_PORTS.items():
        ports[name] = choose(preferred, taken=list(ports.values()))
    project = ComposeProject(PROJECT, FILES, ports, {"PARLEY_TEST_MODELS": str(models_dir.resolve())})
    project.compose("build", "--quiet")
    yield project
    project.compose("down", "--volumes", "--remove-orphans")


@pytest.fixture(scope="session")
def suite(images: ComposeProject) -> ComposeProject:
    """The running suite, started by the three names that a user knows. Tests leave it running and whole."""
    images.compose("up", "--detach", "--wait", *NAMED)
    return images
