"""A client that behaves badly: uploads that are malformed, too large, or given up in the middle."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

_ANSWER_SECONDS = 15.0
_READ_BEFORE_ANSWER = 300 * 1024
"""A Go server reads 256 KiB of an unwanted body before it answers. Source: net/http, server.go."""


def _malformed(path: str) -> bytes:
    return _post(path, "Transfer-Encoding: chunked") + b"not-a-size\r\n"


def _oversize(path: str) -> bytes:
    return _post(path, "Content-Length: 999999999") + b"x" * _READ_BEFORE_ANSWER


def _aborted(path: str) -> bytes:
    return _post(path, "Content-Length: 60000") + b"only this"


def _post(path: str, header: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode()


_KINDS: tuple[Callable[[str], bytes], ...] = (_malformed, _oversize, _aborted)


async def abuse(port: int, path: str, *, count: int, at_a_time: int = 20) -> list[int]:
    """The status of each answer, 0 where there was none. A third each of the three kinds."""
    room = asyncio.Semaphore(at_a_time)

    async def one(number: int) -> int:
        async with room:
            kind = _KINDS[number % len(_KINDS)]
            return await _send(port, kind(path), waits=kind is not _aborted)

    return list(await asyncio.gather(*(one(number) for number in range(count))))


async def _send(port: int, request: bytes, *, waits: bool) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        if not waits:
            await asyncio.sleep(0.05)
            return 0
        async with asyncio.timeout(_ANSWER_SECONDS):
            line = await reader.readline()
        return int(line.split()[1]) if line else 0
    except (OSError, TimeoutError):
        return 0
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
