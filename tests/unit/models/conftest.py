"""A server of files on this machine, and a downloader that does not wait between its attempts."""

import hashlib
from collections.abc import Iterator

import httpx
import pytest

from services.models.download import Downloader
from tests.support.file_server import FileServer
from tests.support.model_reporter import KeepingReporter

CONTENT = hashlib.shake_256(b"a model").digest(3_000_000)


@pytest.fixture(name="content")
def content_fixture() -> bytes:
    return CONTENT


@pytest.fixture(name="server")
def server_fixture() -> Iterator[FileServer]:
    with FileServer({"model.bin": CONTENT}).running() as server:
        yield server


@pytest.fixture(name="reporter")
def reporter_fixture() -> KeepingReporter:
    return KeepingReporter()


@pytest.fixture(name="pauses")
def pauses_fixture() -> list[float]:
    return []


@pytest.fixture(name="downloader")
def downloader_fixture(reporter: KeepingReporter, pauses: list[float]) -> Iterator[Downloader]:
    with httpx.Client(timeout=httpx.Timeout(0.5), follow_redirects=True, trust_env=False) as client:
        yield Downloader(client, reporter, pause=pauses.append)
