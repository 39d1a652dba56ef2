"""Ways to break a process that runs, each undone at the end of its block. The supervisor knows of none."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import psutil
from redis.asyncio import Redis

from scripts.local_stack.ports import LOOPBACK

_STOPPED_SECONDS, _RUNNING_SECONDS = 0.20, 0.05
_NONSENSE = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nnonsense"
_REBIND_SECONDS = 10.0
_PAGE_BYTES = 4096


@asynccontextmanager
async def killed(pid: int) -> AsyncIterator[None]:
    """As the out-of-memory killer would. The supervisor starts it again."""
    psutil.Process(pid).kill()
    yield


@asynccontextmanager
async def frozen(pid: int) -> AsyncIterator[None]:
    """It keeps its connections and answers nothing."""
    process = psutil.Process(pid)
    process.suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()


@asynccontextmanager
async def slowed(pid: int) -> AsyncIterator[None]:
    """It runs a fifth of the time."""
    stuttering = asyncio.create_task(_stutter(psutil.Process(pid)))
    try:
        yield
    finally:
        stuttering.cancel()
        await asyncio.gather(stuttering, return_exceptions=True)


async def _stutter(process: psutil.Process) -> None:
    try:
        while True:
            process.suspend()
            await asyncio.sleep(_STOPPED_SECONDS)
            process.resume()
            await asyncio.sleep(_RUNNING_SECONDS)
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()


@asynccontextmanager
async def replaced_by_nonsense(pid: int, port: int) -> AsyncIterator[None]:
    """Something else has its port, and answers what nobody asked. The process itself is killed for it."""
    psutil.Process(pid).kill()
    with _nonsense_at(port):
        yield


@contextmanager
def _nonsense_at(port: int) -> Iterator[None]:
    """In a thread: the port must be taken before the supervisor starts the process again."""
    with _bound(port) as listener:
        over = threading.Event()
        thread = threading.Thread(target=_talk_nonsense, args=(listener, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _bound(port: int) -> socket.socket:
    until = time.monotonic() + _REBIND_SECONDS
    while True:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(64)
        except OSError:
            listener.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            listener.settimeout(0.1)
            return listener


def _talk_nonsense(listener: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(0.5)
                connection.recv(65_536)
                connection.sendall(_NONSENSE)


@asynccontextmanager
async def disk_full(folder: Path) -> AsyncIterator[None]:
    """Not another byte can be written there. For a small file system, see small_disk.py."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * _PAGE_BYTES)
        yield
    finally:
        filler.unlink(missing_ok=True)


@asynccontextmanager
async def memory_full(redis_url: str) -> AsyncIterator[None]:
    """The store has no room for another write, and says so; what is in it can be read."""
    async with Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2) as client:
        before = str((await client.config_get("maxmemory"))["maxmemory"])
        await client.config_set("maxmemory", "1")
        try:
            yield
        finally:
            await client.config_set("maxmemory", before)
