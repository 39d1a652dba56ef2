"""The monitor as a service, over HTTP, as the console and Prometheus see it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.health_monitor.app import create_app
from gateway.health_monitor.settings import MonitorSettings
from tests.support.serving import serving
from tests.support.tokens import SECRET, bearer
from tests.support.valkey import free_port

ROUTING = """
health_check: {{path: /health/ready, interval_ms: 500, timeout_ms: 1000}}
retries: {{count: 5, interval_ms: 50}}
hidden_paths: [/metrics*]
removed_request_headers: [Forwarded]
services:
  chat-service:
    upstreams: ["127.0.0.1:{well}", "127.0.0.1:{gone}"]
    sentence: Chat takes a short rest and comes back by itself.
    routes: {{/api/v1/chat-service/*: {{}}}}
"""


@pytest.fixture(name="upstream_port")
async def upstream_port_fixture() -> AsyncIterator[int]:
    async def ready(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(ready, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture(name="client")
async def client_fixture(upstream_port: int, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    routing = tmp_path / "routing.yml"
    routing.write_text(ROUTING.format(well=upstream_port, gone=free_port()))
    settings = MonitorSettings(
        jwt_secret=SECRET, gateway_routing_file=routing, gateway_monitor_interval_seconds=0.1
    )
    async with (
        serving(create_app(settings)) as address,
        httpx.AsyncClient(base_url=address, headers=bearer()) as client,
    ):
        await _ready(client)
        yield client


async def _ready(client: httpx.AsyncClient) -> None:
    until = time.monotonic() + 10
    while (await client.get("/health/ready")).status_code != 200:
        assert time.monotonic() < until
        await asyncio.sleep(0.02)


async def test_status_tells_of_every_upstream_with_the_friendly_sentence(
    client: httpx.AsyncClient,
) -> None:
    status = (await client.get("/api/v1/gateway/status")).json()
    well, gone = status["upstreams"]
    assert (well["healthy"], well["error"], well["sentence"]) == (True, None, None)
    assert (gone["healthy"], gone["error"]) == (False, "nothing listens there")
    assert gone["sentence"].startswith("Chat takes a short rest")
    assert (status["healthy"], status["shared"]) == (False, False)


async def test_status_wants_its_scope(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/gateway/status", headers={"Authorization": ""})).status_code == 401
    assert (await client.get("/api/v1/gateway/events", headers=bearer(scopes=("chat",)))).status_code == 403


async def test_the_event_stream_begins_at_once_and_tells_of_a_breaker_that_opens(
    client: httpx.AsyncClient,
) -> None:
    states = set()
    async with asyncio.timeout(10), client.stream("GET", "/api/v1/gateway/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                status = json.loads(line.removeprefix("data: "))
                states.add(status["upstreams"][1]["state"])
            if states >= {"open"}:
                break
    assert "open" in states


async def test_metrics_name_every_upstream_and_state(client: httpx.AsyncClient, upstream_port: int) -> None:
    exposition = (await client.get("/metrics")).text
    service, upstream = 'service="chat-service"', f'upstream="127.0.0.1:{upstream_port}"'
    assert f"gateway_upstream_up{{{service},{upstream}}} 1.0" in exposition
    assert f'gateway_breaker_state{{{service},state="closed",{upstream}}} 1.0' in exposition
    assert f'gateway_checks_total{{outcome="ok",{service},{upstream}}}' in exposition
    assert "gateway_check_seconds_bucket" in exposition
