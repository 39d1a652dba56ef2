"""One real model server for all tests of the language models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.model_server import ModelServerProcess


@pytest.fixture(scope="session", name="model_server")
def model_server_fixture(models_dir: Path) -> Iterator[ModelServerProcess]:
    """Not to be stopped or frozen: that is for a server of the test's own."""
    server = ModelServerProcess(models_dir)
    server.start()
    yield server
    server.stop()
