"""A WebSocket client for tests: connects with a token, speaks PCM16 and JSON, collects what comes."""

import json
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from tests.support.tokens import bearer


@asynccontextmanager
async def connected(base_url: str, path: str, **options: Any) -> AsyncIterator[ClientConnection]:
    """With a good token in the header, unless `additional_headers` says otherwise."""
    url = base_url.replace("http://", "ws://") + path
    async with connect(url, **{"additional_headers": bearer(), **options}) as socket:
        yield socket


async def received(socket: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await socket.recv())
    return found


def pcm16(samples: NDArray[np.float32]) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def pieces(pcm: bytes, size: int) -> list[bytes]:
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


def free_port() -> int:
    """One that was free a moment ago."""
    with sockets.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
