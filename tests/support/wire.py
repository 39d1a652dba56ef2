"""The thinnest HTTP client there is, so that the server is what is measured, even on a busy machine."""

import asyncio
import time
from dataclasses import dataclass, field

_PATIENCE_SECONDS = 30.0
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NoAnswer(Exception):
    """No connection, or no whole answer in time. Its text says which."""


@dataclass
class WireClient:
    """Keeps its connections open and uses them again; as many as are needed at the same time."""

    port: int
    _idle: list[Connection] = field(default_factory=list)

    async def exchange(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """The status and the body. Raises NoAnswer."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                connection = self._idle.pop() if self._idle else await _connect(self.port)
                status, content, stays_open = await _converse(connection, method, path, body)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as exc:
            if connection is not None:
                connection[1].close()
            raise NoAnswer(type(exc).__name__) from exc
        if stays_open:
            self._idle.append(connection)
        else:
            connection[1].close()
        return status, content

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()


async def closed_loop(port: int, path: str, connections: int, seconds: float = 5.0) -> list[float]:
    """How long each GET took, in seconds, with so many connections that each wait for their answer."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_ask(port, path, until, taken) for _ in range(connections)))
    return taken


async def _ask(port: int, path: str, until: float, taken: list[float]) -> None:
    client = WireClient(port)
    while (started := time.perf_counter()) < until:
        status, _ = await client.exchange("GET", path)
        taken.append(time.perf_counter() - started)
        if status != 200:
            raise RuntimeError(f"{path} answered {status}")
    client.close()


async def _connect(port: int) -> Connection:
    return await asyncio.open_connection("127.0.0.1", port)


async def _converse(connection: Connection, method: str, path: str, body: bytes) -> tuple[int, bytes, bool]:
    reader, writer = connection
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n".encode() + body)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    content = await reader.readexactly(int(_header(head, b"content-length") or 0))
    return int(head.split(maxsplit=2)[1]), content, _header(head, b"connection") != b"close"


def _header(head: bytes, name: bytes) -> bytes | None:
    for line in head.splitlines():
        if line.startswith(name + b":"):
            return line.partition(b":")[2].strip()
    return None
