"""The monitor against real servers that are well, unwell, gone, frozen or not speaking HTTP."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from redis.asyncio import Redis

from gateway.health_monitor.checks import Check
from gateway.health_monitor.local_records import LocalRecords
from gateway.health_monitor.monitor import Monitor
from gateway.health_monitor.shared_records import SharedRecords
from gateway.health_monitor.table import as_json
from gateway.health_monitor.targets import Target, Thresholds
from services.common.circuit_breaker import BreakerState
from tests.support.valkey import ValkeyProcess, free_port

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _answer(status: str, body: object) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        content = json.dumps(body).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + content)
        writer.close()

    return answer


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _gibberish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01 hello\r\n\r\n")
    writer.close()


WELL = _answer("200 OK", {"status": "ready", "checks": {}})
WAITING = _answer("200 OK", {"checks": {"role": "waits while green serves", "store": "ok"}})
UNWELL = _answer("503 Service Unavailable", {"checks": {"redis": "Redis does not answer", "loop": "ok"}})


@asynccontextmanager
async def _upstream(answer: Answer) -> AsyncIterator[Target]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield _target(server.sockets[0].getsockname()[1])


def _target(port: int) -> Target:
    address = f"127.0.0.1:{port}"
    return Target("chat-service", address, f"http://{address}/health/ready", "Chat takes a short rest.")


@pytest.fixture(name="client")
async def client_fixture() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


async def test_every_kind_of_upstream_is_found_out_at_the_same_time(client: httpx.AsyncClient) -> None:
    async with AsyncExitStack() as stack:
        behaviours = (WELL, UNWELL, _hang, _gibberish)
        targets = [await stack.enter_async_context(_upstream(behaviour)) for behaviour in behaviours]
        targets.append(_target(free_port()))
        monitor = Monitor(targets, client, local=LocalRecords(), timeout_seconds=0.3)
        rows = await monitor.check_all()
    assert [row.record.error for row in rows] == [
        None,
        "redis: Redis does not answer",
        "no answer within 0.3 s",
        "what answers there does not speak HTTP",
        "nothing listens there",
    ]
    assert monitor.complete


async def test_a_colour_that_waits_for_its_turn_is_healthy_and_its_row_says_that_it_waits(
    client: httpx.AsyncClient, valkey: ValkeyProcess
) -> None:
    async with (
        _upstream(WAITING) as target,
        Redis.from_url(
            valkey.url, decode_responses=True, socket_timeout=5, socket_connect_timeout=5
        ) as redis,
    ):
        for shared in (None, SharedRecords(redis)):
            monitor = Monitor([target], client, local=LocalRecords(), shared=shared)
            [row] = await monitor.check_all()
            assert row.record.healthy
            [told] = as_json([row], 0.0)
            assert (told["healthy"], told["note"]) == (True, "waits while green serves")


async def test_a_dead_upstream_is_left_alone_while_its_breaker_is_open(client: httpx.AsyncClient) -> None:
    checks: list[Check] = []
    target = _target(free_port())
    monitor = Monitor([target], client, local=LocalRecords(), on_check=lambda _, found: checks.append(found))
    for _ in range(8):
        await monitor.check_all()
    assert len(checks) == 5
    assert monitor.rows()[0].record.state is BreakerState.OPEN


async def test_at_the_start_what_is_not_well_yet_is_looked_at_again_soon(client: httpx.AsyncClient) -> None:
    """And not after the whole interval: it may be starting, as the monitor itself is."""
    port = free_port()
    monitor = Monitor([_target(port)], client, local=LocalRecords(), interval_seconds=3600)
    async with monitor.running(), asyncio.timeout(30):
        await _until(monitor, lambda _, healthy: not healthy and monitor.complete)
        async with await asyncio.start_server(WELL, "127.0.0.1", port):
            await _until(monitor, lambda _, healthy: healthy)
    assert (monitor.rows()[0].next_check_at or 0) > time.time() + 3000, "from then on at the interval"


async def test_an_upstream_that_comes_back_is_found_by_the_probe(client: httpx.AsyncClient) -> None:
    port = free_port()
    target = replace(_target(port), thresholds=Thresholds(failure_threshold=2, reset_timeout_seconds=0.2))
    monitor = Monitor([target], client, local=LocalRecords(), interval_seconds=0.05)
    async with monitor.running(), asyncio.timeout(10):
        await _until(monitor, lambda state, healthy: state is BreakerState.OPEN)
        server = await asyncio.start_server(WELL, "127.0.0.1", port)
        async with server:
            await _until(monitor, lambda state, healthy: healthy)


async def _until(monitor: Monitor, wanted: Callable[[BreakerState, bool], bool]) -> None:
    async for rows in monitor.changes():
        if all(wanted(row.record.state, row.record.healthy) for row in rows):
            return


async def test_three_monitors_of_a_dead_upstream_send_one_probe_between_them(
    client: httpx.AsyncClient, valkey: ValkeyProcess
) -> None:
    """Each round is of all three at the same moment, and only the first after the rest asks the upstream."""
    asked: list[Target] = []
    target = replace(
        _target(free_port()), thresholds=Thresholds(failure_threshold=3, reset_timeout_seconds=1.0)
    )
    async with Redis.from_url(
        valkey.url, decode_responses=True, socket_timeout=5, socket_connect_timeout=5
    ) as redis:
        monitors = [
            Monitor(
                [target],
                client,
                local=LocalRecords(),
                shared=SharedRecords(redis),
                on_check=lambda watched, _: asked.append(watched),
            )
            for _ in range(3)
        ]
        await asyncio.gather(*(monitor.check_all() for monitor in monitors))
        opened_with = len(asked)
        await asyncio.gather(*(monitor.check_all() for monitor in monitors))
        while_open = len(asked) - opened_with
        await asyncio.sleep(1.1)
        await asyncio.gather(*(monitor.check_all() for monitor in monitors))
        probes = len(asked) - opened_with - while_open
    assert (opened_with, while_open, probes) == (3, 0, 1)


async def test_without_its_shared_store_the_monitor_goes_on_alone_and_says_so(
    client: httpx.AsyncClient, valkey: ValkeyProcess
) -> None:
    redis = Redis.from_url(
        valkey.url, decode_responses=True, socket_timeout=0.5, socket_connect_timeout=0.5, retry=None
    )
    shared = SharedRecords(redis)
    async with _upstream(WELL) as target:
        monitor = Monitor([target], client, local=LocalRecords(), shared=shared)
        await monitor.check_all()
        shared_at = [monitor.is_shared]
        valkey.kill()
        [row] = await monitor.check_all()
        shared_at.append(monitor.is_shared)
        valkey.start()
        await monitor.check_all()
        shared_at.append(monitor.is_shared)
    assert row.record.healthy
    assert shared_at == [True, False, True]
    await redis.aclose()
