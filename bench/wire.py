"""The thinnest client there is, so that the server is what is measured: GETs on open connections."""

import asyncio
import time


async def closed_loop(port: int, path: str, connections: int, seconds: float = 5.0) -> list[float]:
    """How long each answer took, in seconds, with so many connections that each wait for theirs."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_ask(port, path, until, taken) for _ in range(connections)))
    return taken


async def _ask(port: int, path: str, until: float, taken: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    while (started := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(head))
        taken.append(time.perf_counter() - started)
        if b" 200 " not in head[:16]:
            raise RuntimeError(f"{path} answered {head.splitlines()[0].decode()}")
    writer.close()


def _length(head: bytes) -> int:
    for line in head.lower().splitlines():
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    raise RuntimeError("an answer without a length")
