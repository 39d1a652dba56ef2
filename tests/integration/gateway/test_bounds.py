"""What a dead, frozen or busy upstream, or a bad neighbour, costs the others: the outcome, not the figures.

bench/gateway.py measures the same scenes at 200 requests/s and prints how long each took.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.caddyfile import render
from gateway.routing_file import load_routing
from tests.support.abuse import abuse
from tests.support.caddy import Gateway, running_caddy
from tests.support.stand_in import StandIn
from tests.support.traffic import Exchange, Traffic, caller

pytestmark = pytest.mark.slow
ROUTING = Path(__file__).with_name("routing.yml")
VOICE, CHAT = "/api/v1/voice/thing", "/api/v1/chat-service/thing"
RESTS = "Speech is not available just now."
NOTICED_SECONDS = 10.0
"""By then the gateway has certainly noticed; how soon it really does is for the benchmark."""


@dataclass
class Machines:
    """Two replicas of voice, one chat with a bounded queue."""

    gateway: Gateway
    one: StandIn
    two: StandIn
    chat: StandIn


@dataclass
class Bench(Machines):
    client: httpx.AsyncClient


@pytest.fixture(scope="module", name="machines")
def machines_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("bounds")
    one, two = StandIn("one"), StandIn("two")
    chat = StandIn("chat", work_seconds=0.1, running_max=2, waiting_max=2)
    caddyfile = folder / "Caddyfile"
    caddyfile.write_text(render(load_routing(ROUTING)))
    upstreams = {"VOICE_UPSTREAMS": f"{one.upstream} {two.upstream}", "CHAT_UPSTREAMS": chat.upstream}
    with ExitStack() as stack:
        for service in (one, two, chat):
            service.launch()
            stack.callback(service.stop)
        yield Machines(
            stack.enter_context(running_caddy(caddyfile, folder, upstreams, folder)), one, two, chat
        )


@pytest.fixture(name="bench")
async def bench_fixture(machines: Machines) -> AsyncIterator[Bench]:
    """Everything runs when a test begins, whatever the one before it has killed."""
    for service in (machines.one, machines.two, machines.chat):
        await asyncio.to_thread(service.ensure_running)
    async with caller(machines.gateway.url) as client:
        bench = Bench(**vars(machines), client=client)
        await served_by(bench, {"one", "two"})
        await answered_with(bench, CHAT, 200)
        yield bench


async def served_by(bench: Bench, wanted: set[str]) -> None:
    """Until ten reads in a row were answered by just these."""
    async with asyncio.timeout(30):
        while True:
            replies = [await bench.client.get(VOICE) for _ in range(10)]
            if {reply.json().get("service") for reply in replies} == wanted:
                return
            await asyncio.sleep(0.05)


async def answered_with(bench: Bench, path: str, status: int) -> httpx.Response:
    async with asyncio.timeout(30):
        while True:
            reply = await bench.client.post(path)
            if reply.status_code == status:
                return reply
            await asyncio.sleep(0.05)


def told(exchange: Exchange) -> str:
    return str(json.loads(exchange.body)["detail"])


async def test_a_killed_replica_costs_no_read_and_is_missed_by_nobody(bench: Bench) -> None:
    async with Traffic(bench.gateway.port, VOICE, per_second=100, write_share=0.5).flowing() as traffic:
        await asyncio.sleep(0.5)
        await asyncio.to_thread(bench.one.kill)
        await served_by(bench, {"two"})
    lost = traffic.lost()
    assert [one for one in lost if one.method == "GET"] == []
    assert {(one.status, told(one)) for one in lost} <= {(503, RESTS)}, "a lost write gets the sentence"
    assert len(lost) <= 5, "only what was under way"
    await asyncio.to_thread(bench.one.start)
    await served_by(bench, {"one", "two"})


async def test_a_frozen_replica_costs_no_read_and_serves_again_when_it_thaws(bench: Bench) -> None:
    async with Traffic(bench.gateway.port, VOICE, per_second=50, write_share=0.2).flowing() as traffic:
        await asyncio.sleep(0.5)
        bench.one.freeze()
        try:
            await served_by(bench, {"two"})
        finally:
            bench.one.thaw()
    assert [one for one in traffic.lost() if one.method == "GET"] == []
    assert all(one.status == 504 for one in traffic.lost()), "a write that was under way may be too late"
    await served_by(bench, {"one", "two"})


async def test_speech_away_is_a_friendly_sentence_and_nothing_to_the_chat(bench: Bench) -> None:
    async with Traffic(bench.gateway.port, CHAT, per_second=40, write_share=0.1).flowing() as traffic:
        for replica in (bench.one, bench.two):
            await asyncio.to_thread(replica.kill)
        refusal = await answered_with(bench, VOICE, 503)
        reading = await bench.client.get(VOICE)
    assert refusal.json()["detail"] == reading.json()["detail"] == RESTS
    assert refusal.headers["retry-after"] == "2"
    assert traffic.lost() == []


async def test_a_socket_to_a_service_that_is_away_is_answered_with_a_problem(bench: Bench) -> None:
    await asyncio.to_thread(bench.chat.kill)
    await answered_with(bench, CHAT, 503)
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://localhost:{bench.gateway.port}/ws/chat-service?token=a.b.c"):
            pass
    response = refused.value.response
    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert json.loads(response.body or b"")["detail"] == "The chat is not available just now."


async def test_one_clients_bad_uploads_are_nobody_elses_business(bench: Bench) -> None:
    async with Traffic(bench.gateway.port, VOICE, per_second=40, write_share=0.5).flowing() as traffic:
        answers = await abuse(bench.gateway.port, VOICE, count=150)
    assert traffic.lost() == []
    assert set(answers) <= {0, 400, 413}, "each is refused as what it is, or hung up on"
    assert {400, 413} <= set(answers)


async def test_ten_times_too_much_is_refused_politely_and_work_goes_on(bench: Bench) -> None:
    """Two at a time, a tenth of a second each: 20/s is what it can do."""
    async with Traffic(bench.gateway.port, CHAT, per_second=200, write_share=1.0).flowing() as traffic:
        await asyncio.sleep(3)
    statuses = {one.status for one in traffic.exchanges}
    assert statuses == {200, 503}
    refusals = [json.loads(one.body) for one in traffic.lost()]
    assert {body["type"] for body in refusals} == {"/problems/overloaded"}
    assert all(body["retry_after_seconds"] >= 1 for body in refusals)
    assert (await answered_with(bench, CHAT, 200)).json()["service"] == "chat"
