"""What sockets cost that are open: the idle ones memory, the others time, those that never read nothing.

Real processes; nothing is shared with the stack.
"""

import asyncio
import json
import secrets
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psutil
from websockets.asyncio.client import ClientConnection, connect

from bench.measures.chat_of_its_own import chat_of_its_own
from bench.report import Row
from tests.support.own_process import OwnProcess
from tests.support.tokens import bearer

SOCKETS = 2_000
SECONDS = 20.0
MESSAGES_PER_SECOND = 50
SPEAKERS = 50
READERS = 5
GOAL_KIB, GOAL_P99_SECONDS, GOAL_DEAF_KIB = 60.0, 0.100, 256
_SEND_SECONDS = 2
"""What a reader has to read anything, in this measurement; 10 by default."""
_SETTLE_SECONDS = 3.0
_LONG_SECONDS, _LOOK_SECONDS = 90.0, 0.05


def cost() -> list[Row]:
    with chat_of_its_own(CHAT_SOCKET_SEND_SECONDS=str(_SEND_SECONDS)) as running:
        return asyncio.run(_rows(running.chat))


async def _rows(chat: OwnProcess) -> list[Row]:
    async with _idle_sockets(chat, 50), _speakers(chat) as warm:
        await _speak(warm, 2.0)
    await asyncio.sleep(_SETTLE_SECONDS)
    before = _resident_kib(chat)
    async with _idle_sockets(chat, SOCKETS):
        await asyncio.sleep(_SETTLE_SECONDS)
        each = (_resident_kib(chat) - before) / SOCKETS
        async with _speakers(chat) as talking:
            beside = await _speak(talking, SECONDS)
    async with _speakers(chat) as talking:
        alone = await _speak(talking, SECONDS)
    what = f"message to ack, {MESSAGES_PER_SECOND} messages a second"
    return [
        Row(
            f"{SOCKETS:,} idle authenticated sockets on one process",
            f"{each:.1f} KiB each, resident ({before / 1024:.0f} MiB before)",
            f"≤ {GOAL_KIB:.0f} KiB each",
            each <= GOAL_KIB,
        ),
        _latency(f"{what} beside them", beside),
        _latency(f"{what}, without them", alone),
        await _deaf_readers(chat),
    ]


def _latency(what: str, latencies: list[float]) -> Row:
    cuts = statistics.quantiles(latencies, n=100)
    measured = f"p50 {1000 * cuts[49]:.1f} ms, p99 {1000 * cuts[98]:.1f} ms ({len(latencies):,} messages)"
    goal = f"p99 ≤ {1000 * GOAL_P99_SECONDS:.0f} ms"
    return Row(what, measured, goal, cuts[98] <= GOAL_P99_SECONDS)


async def _deaf_readers(chat: OwnProcess) -> Row:
    """Each asks for 80,000 words (6 MB as frames). The same from readers that read is what it compares to."""
    await _long_replies(chat, deaf=False)  # fills the pools that Python keeps
    reading, _ = await _long_replies(chat, deaf=False)
    deaf, seconds = await _long_replies(chat, deaf=True)
    closed = not _open_sockets(chat)
    more = (deaf - reading) / READERS
    told = f"{'all closed' if closed else 'some still open'} within {seconds:.0f} s, with the reply under way"
    return Row(
        f"{READERS} readers that never read, given {_SEND_SECONDS} s",
        f"{told}; {more:+,.0f} KiB each over readers that read (peak, resident)",
        "closed, ≤ +256 KiB each",
        closed and more <= GOAL_DEAF_KIB,
    )


async def _long_replies(chat: OwnProcess, *, deaf: bool) -> tuple[float, float]:
    """The most that was resident meanwhile, in KiB, and how long the sockets were open."""
    await asyncio.sleep(_SETTLE_SECONDS)
    highest, started = _resident_kib(chat), time.perf_counter()
    async with AsyncExitStack() as stack:
        for number in range(READERS):
            socket = await stack.enter_async_context(_opened(chat, f"long-{deaf}-{number}", max_queue=1))
            await socket.send(json.dumps({"type": "message", "content": "say 80000 words"}))
            if deaf:
                socket.transport.pause_reading()
            else:
                stack.callback(asyncio.create_task(_read_to_the_end(socket)).cancel)
        for _ in range(int(_LONG_SECONDS / _LOOK_SECONDS)):
            if not _open_sockets(chat):
                break
            highest = max(highest, _resident_kib(chat))
            await asyncio.sleep(_LOOK_SECONDS)
        seconds = time.perf_counter() - started
    return highest, seconds


async def _read_to_the_end(socket: ClientConnection) -> None:
    async for raw in socket:
        if json.loads(raw)["type"] in {"done", "error"}:
            await socket.close()


@asynccontextmanager
async def _idle_sockets(chat: OwnProcess, count: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for number in range(count):
            await stack.enter_async_context(_opened(chat, f"idle-{number % 100}"))
        yield


@asynccontextmanager
async def _speakers(chat: OwnProcess) -> AsyncIterator[list[ClientConnection]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(_opened(chat, f"speaker-{number}")) for number in range(SPEAKERS)
        ]


@asynccontextmanager
async def _opened(chat: OwnProcess, user: str, max_queue: int = 16) -> AsyncIterator[ClientConnection]:
    address = f"{chat.url.replace('http', 'ws')}/ws"
    async with connect(
        address, additional_headers=bearer(user), proxy=None, close_timeout=0.1, max_queue=max_queue
    ) as socket:
        await socket.recv()
        yield socket


async def _speak(sockets: list[ClientConnection], seconds: float) -> list[float]:
    """Seconds from each message to its acknowledgement, at a steady pace whatever the answers take."""
    answered: dict[str, asyncio.Future[float]] = {}
    listening = [asyncio.create_task(_listen(socket, answered)) for socket in sockets]
    latencies = []
    started = time.perf_counter()
    for number in range(int(seconds * MESSAGES_PER_SECOND)):
        await asyncio.sleep(max(0.0, started + number / MESSAGES_PER_SECOND - time.perf_counter()))
        name = secrets.token_hex(8)
        answered[name] = asyncio.get_running_loop().create_future()
        latencies.append(asyncio.create_task(_seconds_to(answered[name])))
        frame = {"type": "message", "id": name, "content": "say 5 words"}
        await sockets[number % len(sockets)].send(json.dumps(frame))
    async with asyncio.timeout(60):
        found = await asyncio.gather(*latencies)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    return found


async def _seconds_to(answer: "asyncio.Future[float]") -> float:
    started = time.perf_counter()
    return await answer - started


async def _listen(socket: ClientConnection, answered: dict[str, "asyncio.Future[float]"]) -> None:
    async for raw in socket:
        frame = json.loads(raw)
        if frame["type"] == "error":
            raise AssertionError(f"refused: {frame['problem']['type']}")
        if frame["type"] == "ack":
            answered[frame["id"]].set_result(time.perf_counter())


def _open_sockets(chat: OwnProcess) -> int:
    return sum(
        one.status == psutil.CONN_ESTABLISHED
        for one in chat.inspect().net_connections("tcp")
        if one.laddr.port == chat.port
    )


def _resident_kib(process: OwnProcess) -> float:
    return float(process.inspect().memory_info().rss) / 1024
