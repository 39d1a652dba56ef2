"""What a socket of the chat service costs: python -m bench.chat_sockets [--sockets 2000] [--seconds 20].

Real processes: Valkey, the chat service, a model server that follows a script. Prints resident memory of the
service for each idle authenticated socket, the acknowledgement's latency at 50 messages a second beside
them, and what readers that never read leave behind.
"""

import argparse
import asyncio
import json
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
from websockets.asyncio.client import ClientConnection, connect

from tests.support.own_process import OwnProcess, chat_process, scripted_model
from tests.support.tokens import bearer
from tests.support.valkey import ValkeyProcess

MESSAGES_PER_SECOND = 50
SPEAKERS = 50
DEAF_READERS = 5
_SETTLE_SECONDS = 3.0
_UNBOUNDED = {
    "CHAT_SOCKETS_PER_USER": "100000",
    "CHAT_MESSAGES_PER_MINUTE": "60000",
    "CHAT_GENERATIONS_PER_USER": "1000",
    "CHAT_GENERATIONS_RUNNING_MAX": "200",
    "CHAT_SOCKET_SEND_SECONDS": "2",
}


async def main(sockets: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        redis, model = ValkeyProcess(Path(folder)), scripted_model()
        chat = chat_process(redis.url, f"{model.url}/v1", **_UNBOUNDED)
        try:
            redis.start()
            model.start()
            chat.start()
            await measure(chat, sockets, seconds)
        finally:
            for process in (chat, model):
                process.kill()
            redis.stop()


async def measure(chat: OwnProcess, sockets: int, seconds: float) -> None:
    async with idle_sockets(chat, 50), speakers(chat) as warm:
        await speak(warm, 2.0)
    await asyncio.sleep(_SETTLE_SECONDS)
    before = resident_kib(chat)
    async with idle_sockets(chat, sockets):
        await asyncio.sleep(_SETTLE_SECONDS)
        each = (resident_kib(chat) - before) / sockets
        print(f"idle sockets             {sockets}, {each:.1f} KiB each ({before / 1024:.0f} MiB before)")
        async with speakers(chat) as talking:
            report("acknowledged beside them", await speak(talking, seconds))
    async with speakers(chat) as talking:
        report("acknowledged alone", await speak(talking, seconds))
    await deafness(chat)


async def deafness(chat: OwnProcess) -> None:
    await asyncio.sleep(_SETTLE_SECONDS)
    before, highest = resident_kib(chat), 0.0
    async with AsyncExitStack() as stack:
        for number in range(DEAF_READERS):
            socket = await stack.enter_async_context(opened(chat, f"deaf-{number}", max_queue=1))
            await socket.send(json.dumps({"type": "message", "content": "say 80000 words"}))
            socket.transport.pause_reading()
        started = time.perf_counter()
        while open_sockets(chat) and time.perf_counter() - started < 60:
            highest = max(highest, resident_kib(chat) - before)
            await asyncio.sleep(0.1)
        seconds = time.perf_counter() - started
        for_each = f"at most {highest / DEAF_READERS:,.0f} KiB each meanwhile (the reply itself included)"
        print(f"{DEAF_READERS} readers that never read  all closed after {seconds:.1f} s, {for_each}")


@asynccontextmanager
async def idle_sockets(chat: OwnProcess, count: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for number in range(count):
            await stack.enter_async_context(opened(chat, f"idle-{number % 100}"))
        yield


@asynccontextmanager
async def speakers(chat: OwnProcess) -> AsyncIterator[list[ClientConnection]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(opened(chat, f"speaker-{number}")) for number in range(SPEAKERS)
        ]


@asynccontextmanager
async def opened(chat: OwnProcess, user: str, **options: int) -> AsyncIterator[ClientConnection]:
    address = f"{chat.url.replace('http', 'ws')}/ws"
    async with connect(
        address, additional_headers=bearer(user), proxy=None, close_timeout=0.1, **options
    ) as socket:
        await socket.recv()
        yield socket


async def speak(sockets: list[ClientConnection], seconds: float) -> list[float]:
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
        if frame["type"] in {"ack", "error"} and "id" in frame:
            if frame["type"] == "error":
                print(f"refused: {frame['problem']['type']}")
            answered[frame["id"]].set_result(time.perf_counter())


def open_sockets(chat: OwnProcess) -> int:
    return sum(
        one.status == psutil.CONN_ESTABLISHED
        for one in chat.inspect().net_connections("tcp")
        if one.laddr.port == chat.port
    )


def resident_kib(process: OwnProcess) -> float:
    return float(process.inspect().memory_info().rss) / 1024


def report(name: str, latencies: list[float]) -> None:
    cuts = [1000 * cut for cut in statistics.quantiles(latencies, n=100)]
    print(f"{name:24} {len(latencies)} messages, p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    asyncio.run(main(options.sockets, options.seconds))
