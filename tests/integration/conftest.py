"""Real servers that several suites need."""

from collections.abc import Iterator

import pytest

from tests.support.valkey import ValkeyProcess


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    """An empty Valkey of this test's own."""
    server = ValkeyProcess(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()
