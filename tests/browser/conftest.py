"""What the browser looks at: the console behind a real Caddy, with a chat whose model does as it is told,
or the whole running suite."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from tests.support.browser import chromium
from tests.support.caddy import free_port, running_caddy
from tests.support.chat_app import chat_app
from tests.support.chat_chain import FakeChain
from tests.support.eventually import eventually_so
from tests.support.local_stack import LocalStack, local_stack
from tests.support.serving import serving
from tests.support.tokens import bearer

ROOT = Path(__file__).resolve().parents[2]
CADDYFILE = ROOT / "caddy" / "Caddyfile"
SITE = ROOT / "caddy" / "site"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.browser)


@dataclass
class ChatHouse:
    """The gateway with nothing but a chat service behind it. `chain`: its model."""

    url: str
    chain: FakeChain

    @property
    def token(self) -> str:
        return bearer()["Authorization"].removeprefix("Bearer ")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[ChatHouse]:
    port = free_port()
    url = f"http://localhost:{port}"
    app, _, chain = chat_app(FakeChain(slow_seconds=0.1), allowed_origins=url)
    async with serving(app) as chat_url:
        upstreams = {"CHAT_SERVICE_UPSTREAMS": chat_url.removeprefix("http://")}
        with running_caddy(CADDYFILE, tmp_path, upstreams, SITE, port=port):
            await _serves(f"{url}/api/v1/chat-service/api/v1/models")
            yield ChatHouse(url, chain)


async def _serves(url: str) -> None:
    async with httpx.AsyncClient(headers=bearer()) as client:

        async def is_there() -> bool:
            return (await client.get(url)).status_code == 200

        await eventually_so(is_there)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """The whole suite, for all tests; not to be broken. See tests/support/local_stack.py."""
    with local_stack() as running:
        yield running
