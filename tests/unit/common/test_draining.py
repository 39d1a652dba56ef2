"""A replica that is told to end leaves the rotation first, and answers until it has."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from services.common.app import create_base_app
from services.common.draining import Draining, DrainingServer
from services.common.health import Readiness
from services.common.settings import ServiceSettings
from tests.support.eventually import eventually
from tests.support.tokens import SECRET

LONG_SECONDS = 3600.0


async def _ready() -> Readiness:
    return Readiness(ready=True)


@contextlib.asynccontextmanager
async def _server(
    drain_seconds: float, *, says_not_ready: bool = True
) -> AsyncIterator[tuple[DrainingServer, asyncio.Task[None], str]]:
    settings = ServiceSettings(jwt_secret=SECRET, drain_says_not_ready=says_not_ready)
    app = create_base_app(settings, title="T", service="test", readiness=_ready)
    config = uvicorn.Config(app, port=0, log_config=None)
    server = DrainingServer(config, draining=app.state.draining, drain_seconds=drain_seconds)
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started or task.done())
    try:
        yield server, task, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await eventually(lambda: not server.should_exit or task.done())
        server.should_exit = True
        await task


def _ask_to_end(server: DrainingServer) -> None:
    server.should_exit = True


def _begun(server: DrainingServer) -> bool:
    draining: Draining = server._draining
    return draining.begun


async def test_a_server_that_drains_says_not_ready_and_still_answers() -> None:
    async with _server(LONG_SECONDS) as (server, task, url), httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/health/ready")).status_code == 200
        _ask_to_end(server)
        await eventually(lambda: _begun(server))

        assert (await client.get("/health/ready")).status_code == 503
        assert (await client.get("/health/live")).status_code == 200
        assert not task.done()


async def test_a_replica_behind_a_shared_name_stays_ready_to_the_end() -> None:
    async with _server(LONG_SECONDS, says_not_ready=False) as (server, _, url):
        _ask_to_end(server)
        await eventually(lambda: _begun(server))
        async with httpx.AsyncClient(base_url=url) as client:
            answer = await client.get("/health/ready")
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")


async def test_each_reply_of_a_server_that_drains_ends_its_connection() -> None:
    async with _server(LONG_SECONDS) as (server, _, url), httpx.AsyncClient(base_url=url) as client:
        before = await client.get("/health/live")
        _ask_to_end(server)
        await eventually(lambda: _begun(server))

        assert "connection" not in before.headers
        assert (await client.get("/health/live")).headers["connection"] == "close"


@pytest.mark.parametrize("drain_seconds", [0.0, 0.2])
async def test_a_server_ends_once_it_has_drained(drain_seconds: float) -> None:
    async with _server(drain_seconds) as (server, task, _):
        _ask_to_end(server)
        await eventually(task.done)


async def test_a_second_request_to_end_cuts_the_draining_short() -> None:
    async with _server(LONG_SECONDS) as (server, task, _):
        _ask_to_end(server)
        await eventually(lambda: _begun(server) and not server.should_exit)
        _ask_to_end(server)
        await eventually(task.done)
