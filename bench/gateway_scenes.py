"""The scenes of bench/gateway.py. Each returns its figures as rows, against the bounds of the design."""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bench.gateway_stage import (
    AGENT_CHAT,
    CHAT,
    NOTICED_SECONDS,
    RATE_PER_SECOND,
    VOICE,
    Pair,
    Stage,
    pair,
    stage,
)
from bench.report import Row
from gateway.switching.colours import HttpColours
from gateway.switching.switch import Outcome, Patience, Switch
from services.common.blue_green import AGENT, Colour, SharedRoles
from tests.support.abuse import abuse
from tests.support.stand_in import StandIn
from tests.support.traffic import Exchange, Traffic, percentile
from tests.support.wire import WireClient, closed_loop

_ROUNDS = 3
_ALTERNATIONS = 6
"""Of calm and dead: a 99th percentile of a few hundred requests jumps about by itself."""


async def killed_and_back() -> list[Row]:
    """Three times, one replica and the other: what is lost is a handful, and one kill says little."""
    requests, lost, windows, returns = 0, list[Exchange](), [0.0], list[float]()
    async with stage() as scene:
        for count in range(_ROUNDS):
            victim = (scene.one, scene.two)[count % 2]
            async with scene.traffic().flowing() as traffic:
                await asyncio.sleep(2)
                killed_at = time.monotonic()
                await asyncio.to_thread(victim.kill)
                await asyncio.sleep(3)
                victim.launch()
                ready_at = await _first_good_readiness(victim)
                await asyncio.sleep(3)
            requests += len(traffic.exchanges)
            lost += traffic.lost()
            windows += [one.due_at - killed_at for one in traffic.lost()]
            returns.append(_served_again_at(traffic, victim, killed_at) - ready_at)
    reads = sum(one.method == "GET" for one in lost)
    share, window = len(lost) / requests, max(windows)
    told = f"{share:.2%} ({len(lost)} of {requests})"
    return [
        Row("SIGKILL of one of two replicas, three times: errors", told, "≤ 0.2%", share <= 0.002),
        Row("… of these reads", str(reads), "0", reads == 0),
        Row("… the last error, after the kill", f"{window * 1000:.0f} ms", "≤ 100 ms", window <= 0.1),
        Row(
            "… back, serves after its first good readiness",
            f"{max(returns):.2f} s",
            "≤ 1 s",
            max(returns) <= 1,
        ),
    ]


def _served_again_at(traffic: Traffic, victim: StandIn, killed_at: float) -> float:
    again = (
        one.ended_at for one in traffic.exchanges if one.who == victim.name and one.due_at > killed_at + 1
    )
    return min(again, default=float("inf"))


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
    async with pair() as scene, Redis.from_url(scene.redis_url, decode_responses=True) as redis:
        upstreams = {colour: one.upstream for colour, one in scene.colours.items()}
        colours = HttpColours(scene.client, upstreams, ready_path="/health/ready", timeout_seconds=2)
        patience = Patience(watch_seconds=0.5, drain_seconds=0)
        return await _twenty(Switch(AGENT, SharedRoles(redis), colours, lambda _: None, patience), scene)


async def _twenty(switch: Switch, scene: Pair) -> list[Row]:
    address = f"ws://localhost:{scene.gateway.port}/api/v1/langgraph/enhanced/socket"
    stream, traffic = f"{AGENT_CHAT}/stream", scene.traffic()
    times, moved, cut = [], 0, 0
    async with connect(address) as socket, scene.client.stream("GET", stream, timeout=60) as events:
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


async def colours_killed() -> list[Row]:
    """First the one that serves, then the other too."""
    async with pair() as scene:
        async with scene.traffic().flowing() as traffic:
            await asyncio.sleep(2)
            await asyncio.to_thread(scene.colours[Colour.GREEN].kill)
            await asyncio.sleep(6)
        await asyncio.to_thread(scene.colours[Colour.BLUE].kill)
        await asyncio.sleep(NOTICED_SECONDS)
        async with scene.traffic().flowing() as refused:
            await asyncio.sleep(4)
        socket = await _handshake(scene.gateway.port, f"{AGENT_CHAT}/socket")
    lost, seconds = traffic.lost(), refused.seconds()
    share, reads = len(lost) / len(traffic.exchanges), sum(one.method == "GET" for one in lost)
    worst = percentile(seconds, 0.99)
    figure = f"{statistics.median(seconds) * 1000:.0f} ms, p99 {worst * 1000:.0f} ms"
    return [
        Row("SIGKILL of the colour that serves: errors", f"{share:.2%}", "≤ 0.2%", share <= 0.002),
        Row("… of these reads", str(reads), "0", reads == 0),
        Row("both colours dead: the sentence comes after", figure, "≤ 0.3 s", worst <= 0.3),
        Row("… each of them a 503 problem", _yes(_all_polite(refused)), "yes", _all_polite(refused)),
        Row("… on a WebSocket's handshake", socket, "503 problem", socket == "503 problem"),
    ]


async def speech_away() -> list[Row]:
    """Chat at half the rate, callers of speech at the other half; six times with speech, six without."""
    calm, dead, refusals = list[Traffic](), list[Traffic](), list[Traffic]()
    async with stage() as scene:
        for _ in range(_ALTERNATIONS):
            calm.append((await _beside(scene))[0])
            for replica in (scene.one, scene.two):
                await asyncio.to_thread(replica.kill)
            await asyncio.sleep(NOTICED_SECONDS)
            beside, refused = await _beside(scene)
            dead.append(beside)
            refusals.append(refused)
            for replica in (scene.one, scene.two):
                await asyncio.to_thread(replica.start)
            await asyncio.sleep(NOTICED_SECONDS)
        await asyncio.to_thread(scene.chat.kill)
        await asyncio.sleep(NOTICED_SECONDS)
        socket = await _handshake(scene.gateway.port, "/ws/chat-service?token=a.b.c")
    before, after = _usual_p99(calm), _usual_p99(dead)
    change, figure = after / before - 1, f"{before * 1000:.1f} to {after * 1000:.1f} ms"
    lost = sum(len(one.lost()) for one in dead)
    polite = all(_all_polite(one) for one in refusals)
    seconds = [second for one in refusals for second in one.seconds()]
    middle, worst = statistics.median(seconds), percentile(seconds, 0.99)
    return [
        Row("speech dead: chat's p99, medians of six", f"{figure} ({change:+.0%})", "< 10%", change < 0.10),
        Row("… chat requests lost", str(lost), "0", lost == 0),
        Row("… the sentence comes after", f"{middle:.2f} s, p99 {worst:.2f} s", "≤ 0.3 s", worst <= 0.3),
        Row("… each of them a 503 problem", _yes(polite), "yes", polite),
        Row("chat dead: a WebSocket's handshake", socket, "503 problem", socket == "503 problem"),
    ]


def _usual_p99(rounds: Sequence[Traffic]) -> float:
    return statistics.median(percentile(one.seconds(), 0.99) for one in rounds)


def _all_polite(refused: Traffic) -> bool:
    return all(one.status == 503 and json.loads(one.body)["detail"] for one in refused.exchanges)


def _yes(so: bool) -> str:
    return "yes" if so else "no"


async def _beside(scene: Stage) -> tuple[Traffic, Traffic]:
    chat = scene.traffic(CHAT, per_second=RATE_PER_SECOND / 2)
    speech = scene.traffic(VOICE, per_second=RATE_PER_SECOND / 2)
    async with chat.flowing(), speech.flowing():
        await asyncio.sleep(6)
    return chat, speech


async def _handshake(port: int, path: str) -> str:
    """What an upgrade is answered with."""
    try:
        async with connect(f"ws://localhost:{port}{path}"):
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
    "colours": colours_killed,
    "away": speech_away,
    "abuse": abusive_client,
    "overload": overload,
    "cost": own_cost,
}
