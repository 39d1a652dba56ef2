"""The scenes of bench/gateway.py: real Caddy, real processes, 200 requests a second of reads and writes.

Each scene returns its figures as rows: what was measured, the figure, and the bound that it is held against.
"""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.__main__ import CADDYFILE
from gateway.switching.colours import HttpColours
from gateway.switching.switch import Outcome, Patience, Switch
from services.common.blue_green import AGENT, Colour, SharedRoles
from tests.support.abuse import abuse
from tests.support.caddy import Gateway, running_caddy
from tests.support.stand_in import StandIn
from tests.support.traffic import Exchange, Traffic, caller, percentile
from tests.support.valkey import ValkeyProcess
from tests.support.wire import WireClient, closed_loop

RATE_PER_SECOND = 200.0
VOICE, CHAT, AGENT_CHAT = "/api/v1/voice/voices", "/api/v1/chat-service/x", "/api/v1/langgraph/enhanced/chat"


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    figure: str
    bound: str = ""
    kept: bool | None = None
    """Whether the bound was kept; None where there is none."""


@dataclass
class Stage:
    """Caddy with the committed file; two replicas of voice, one chat of known capacity."""

    gateway: Gateway
    one: StandIn
    two: StandIn
    chat: StandIn
    client: httpx.AsyncClient

    def traffic(self, path: str = VOICE, **options: float) -> Traffic:
        return Traffic(self.gateway.port, path, **{"per_second": RATE_PER_SECOND, **options})


@asynccontextmanager
async def stage(**chat_settings: float) -> AsyncIterator[Stage]:
    one, two, chat = StandIn("one"), StandIn("two"), StandIn("chat", **chat_settings)
    upstreams = {
        "VOICE_INTERACTION_SERVICE_UPSTREAMS": f"{one.upstream} {two.upstream}",
        "CHAT_SERVICE_UPSTREAMS": chat.upstream,
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        for service in (one, two, chat):
            service.launch()
            stack.callback(service.stop)
        for service in (one, two, chat):
            service.wait_until_live()
        gateway = stack.enter_context(running_caddy(CADDYFILE, folder, upstreams, folder))
        async with caller(gateway.url) as client:
            await asyncio.sleep(2)
            yield Stage(gateway, one, two, chat, client)


async def killed_and_back() -> list[Row]:
    async with stage() as scene, scene.traffic().flowing() as traffic:
        await asyncio.sleep(3)
        killed_at = time.monotonic()
        await asyncio.to_thread(scene.one.kill)
        await asyncio.sleep(5)
        scene.one.launch()
        ready_at = await _first_good_readiness(scene.one)
        await asyncio.sleep(3)
    lost = traffic.lost()
    share = len(lost) / len(traffic.exchanges)
    window = max((one.due_at - killed_at for one in lost), default=0.0)
    served_again = [
        one.ended_at for one in traffic.exchanges if one.who == "one" and one.due_at > killed_at + 1
    ]
    late = min(served_again, default=float("inf")) - ready_at
    reads = sum(one.method == "GET" for one in lost)
    return [
        Row("SIGKILL of one of two: errors", f"{share:.2%}", "≤ 0.2%", share <= 0.002),
        Row("… failed reads", str(reads), "0", reads == 0),
        Row("… last error after", f"{window * 1000:.0f} ms", "≤ 100 ms", window <= 0.1),
        Row("back: serves after its first good readiness", f"{late:.2f} s", "≤ 1 s", late <= 1),
    ]


def _told_of(lost: list[Exchange]) -> str:
    """How many, and of the first what became of it and when."""
    if not lost:
        return "0"
    first = lost[0]
    return f"{len(lost)} ({first.status or first.error} after {first.seconds:.1f} s)"


async def _first_good_readiness(service: StandIn) -> float:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                if (await client.get(f"{service.url}/health/ready", timeout=1)).status_code == 200:
                    return time.monotonic()
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.01)


async def frozen() -> list[Row]:
    """A write that meets the frozen one is lost, so the last of those says when it was out."""
    async with stage() as scene:
        async with scene.traffic().flowing() as traffic:
            await asyncio.sleep(3)
            frozen_at = time.monotonic()
            scene.one.freeze()
            await asyncio.sleep(17)
        scene.one.thaw()
    reads = [one for one in traffic.lost() if one.method == "GET"]
    writes = [one for one in traffic.lost() if one.method == "POST"]
    out = max((one.due_at - frozen_at for one in writes), default=0.0)
    p99 = percentile(traffic.seconds(), 0.99)
    return [
        Row("SIGSTOP of one of two: out after", f"{out:.2f} s", "≤ 1.5 s", out <= 1.5),
        Row("… p99 of all requests in 20 s", f"{p99:.2f} s", "≤ 2 s", p99 <= 2),
        Row("… failed reads", _told_of(reads), "0", not reads),
        Row("… writes that were under way, answered 504", str(len(writes))),
    ]


async def switches() -> list[Row]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        valkey = ValkeyProcess(folder)
        valkey.start()
        stack.callback(valkey.stop)
        pair = {colour: StandIn(colour, redis_url=valkey.url, colour=colour) for colour in Colour}
        for one in pair.values():
            one.start()
            stack.callback(one.stop)
        upstreams = {colour: one.upstream for colour, one in pair.items()}
        there = {"LANGGRAPH_ENHANCED_UPSTREAMS": f"{upstreams[Colour.GREEN]} {upstreams[Colour.BLUE]}"}
        gateway = stack.enter_context(running_caddy(CADDYFILE, folder, there, folder))
        async with caller(gateway.url) as client, Redis.from_url(valkey.url, decode_responses=True) as redis:
            colours = HttpColours(client, upstreams, ready_path="/health/ready", timeout_seconds=2)
            patience = Patience(watch_seconds=0.5, drain_seconds=0)
            switch = Switch(AGENT, SharedRoles(redis), colours, lambda _: None, patience)
            await asyncio.sleep(2)
            return await _twenty(switch, gateway, client)


async def _twenty(switch: Switch, gateway: Gateway, client: httpx.AsyncClient) -> list[Row]:
    address = f"ws://localhost:{gateway.port}/api/v1/langgraph/enhanced/socket"
    traffic = Traffic(gateway.port, AGENT_CHAT, RATE_PER_SECOND, write_share=0.5)
    times, moved, cut = [], 0, 0
    async with connect(address) as socket, client.stream("GET", f"{AGENT_CHAT}/stream", timeout=60) as events:
        reading = asyncio.create_task(_read_on(events))
        async with traffic.flowing():
            for count in range(20):
                started = time.monotonic()
                moved += await switch.to(list(Colour)[count % 2]) is Outcome.MOVED
                times.append(time.monotonic() - started - 0.5)
        cut += reading.done()
        reading.cancel()
        await socket.send("still there?")
        cut += await socket.recv() != "still there?"
    lost = len(traffic.lost())
    return [
        Row("20 switches: requests lost", f"{lost} of {len(traffic.exchanges)}", "0", lost == 0),
        Row("… sockets and streams cut", str(cut), "0", cut == 0),
        Row("… moved, in the median in", f"{moved}, {statistics.median(times):.2f} s", "20", moved == 20),
    ]


async def _read_on(events: httpx.Response) -> None:
    async for _ in events.aiter_lines():
        pass


async def speech_away() -> list[Row]:
    """Chat at half the rate, callers of speech at the other half, before and after speech dies."""
    async with stage() as scene:
        before, _ = await _beside(scene)
        for replica in (scene.one, scene.two):
            await asyncio.to_thread(replica.kill)
        await asyncio.sleep(2)
        after, refusals = await _beside(scene)
        socket = await _handshake(scene)
    calm, dead = percentile(before.seconds(), 0.99), percentile(after.seconds(), 0.99)
    change, figure = dead / calm - 1, f"{calm * 1000:.0f} to {dead * 1000:.0f} ms"
    polite = all(one.status == 503 and json.loads(one.body)["detail"] for one in refusals.exchanges)
    worst, middle = percentile(refusals.seconds(), 0.99), statistics.median(refusals.seconds())
    return [
        Row("speech dead: chat's p99", f"{figure} ({change:+.0%})", "< 10%", change < 0.10),
        Row("… chat requests lost", str(len(after.lost())), "0", not after.lost()),
        Row("… the sentence comes after", f"{middle:.2f} s, p99 {worst:.2f} s", "≤ 0.3 s", middle <= 0.3),
        Row("… each of them a 503 problem", "yes" if polite else "no", "yes", polite),
        Row("all dead: WebSocket handshake", socket, "503 problem", socket == "503 problem"),
    ]


async def _beside(scene: Stage) -> tuple[Traffic, Traffic]:
    chat = scene.traffic(CHAT, per_second=RATE_PER_SECOND / 2)
    speech = scene.traffic(VOICE, per_second=RATE_PER_SECOND / 2)
    async with chat.flowing(), speech.flowing():
        await asyncio.sleep(8)
    return chat, speech


async def _handshake(scene: Stage) -> str:
    await asyncio.to_thread(scene.chat.kill)
    await asyncio.sleep(2)
    try:
        async with connect(f"ws://localhost:{scene.gateway.port}/ws/chat-service?token=a.b.c"):
            return "accepted"
    except InvalidStatus as refusal:
        problem = refusal.response.headers.get("Content-Type") == "application/problem+json"
        return f"{refusal.response.status_code}{' problem' if problem else ''}"


async def abusive_client() -> list[Row]:
    async with stage() as scene, scene.traffic(write_share=0.5).flowing() as traffic:
        answers = await abuse(scene.gateway.port, VOICE, count=1_000)
    counts = ", ".join(f"{answers.count(status)} × {status or 'hung up'}" for status in sorted(set(answers)))
    lost = len(traffic.lost())
    return [
        Row("1,000 bad uploads of one client", counts),
        Row("… requests that another client lost", f"{lost} of {len(traffic.exchanges)}", "0", lost == 0),
    ]


async def overload() -> list[Row]:
    """Two at a time, 50 ms each, two may wait: 40/s at the most."""
    async with stage(work_seconds=0.05, running_max=2, waiting_max=2) as scene:
        capacity = await _capacity(scene)
        traffic = scene.traffic(CHAT, per_second=10 * capacity, write_share=1.0)
        async with traffic.flowing():
            await asyncio.sleep(8)
    span = max(one.ended_at for one in traffic.exchanges) - min(one.due_at for one in traffic.exchanges)
    share = (len(traffic.exchanges) - len(traffic.lost())) / span / capacity
    refusals = [one.seconds for one in traffic.lost()]
    statuses = sorted({one.status for one in traffic.exchanges})
    p50, p99 = statistics.median(refusals), percentile(refusals, 0.99)
    return [
        Row("10 × overload: goodput", f"{share:.0%} of {capacity:.0f}/s", "≥ 90%", share >= 0.9),
        Row("… refusal, median and p99", f"{p50 * 1000:.0f} ms, {p99 * 1000:.0f} ms", "≤ 50 ms", p99 <= 0.05),
        Row("… statuses", ", ".join(map(str, statuses)), "200, 503", statuses == [200, 503]),
    ]


async def _capacity(scene: Stage, seconds: float = 4.0) -> float:
    """What four callers who each wait for their answer get done in a second."""
    until, client = time.monotonic() + seconds, WireClient(scene.gateway.port)

    async def work() -> int:
        done = 0
        while time.monotonic() < until:
            status, _ = await client.exchange("POST", CHAT, b"x")
            done += status == 200
        return done

    return sum(await asyncio.gather(*(work() for _ in range(4)))) / seconds


async def own_cost() -> list[Row]:
    rows = []
    async with stage() as scene:
        for connections in (1, 32, 256):
            direct = await closed_loop(scene.one.port, VOICE, connections)
            through = await closed_loop(scene.gateway.port, CHAT, connections)
            rows.append(Row(f"{connections} connections, asked directly", _told(direct)))
            rows.append(Row(f"{connections} connections, through Caddy", _told(through)))
    return rows


def _told(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds) * 1000:.1f} ms, p99 {percentile(seconds, 0.99) * 1000:.1f} ms"


SCENES: dict[str, Callable[[], Awaitable[list[Row]]]] = {
    "killed": killed_and_back,
    "frozen": frozen,
    "switches": switches,
    "away": speech_away,
    "abuse": abusive_client,
    "overload": overload,
    "cost": own_cost,
}
