"""A real Valkey for the chat tests: one for the session, emptied before each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.valkey import ValkeyProcess


@pytest.fixture(scope="session", name="shared_valkey")
def shared_valkey_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    valkey = ValkeyProcess(tmp_path_factory.mktemp("valkey"))
    valkey.start()
    yield valkey
    valkey.stop()


@pytest.fixture(name="valkey")
def valkey_fixture(shared_valkey: ValkeyProcess) -> ValkeyProcess:
    """Empty. Not to be killed or frozen: that is for `own_valkey`."""
    with redis.Redis.from_url(shared_valkey.url) as client:
        client.flushall()
    return shared_valkey


@pytest.fixture(name="own_valkey")
def own_valkey_fixture(tmp_path: Path) -> Iterator[ValkeyProcess]:
    valkey = ValkeyProcess(tmp_path)
    valkey.start()
    yield valkey
    valkey.stop()
