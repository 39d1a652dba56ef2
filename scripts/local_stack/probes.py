"""Asks a process whether it would serve. Answers soon, never raises."""

import asyncio
import time
from pathlib import Path

import httpx

from scripts.local_stack.processes import Probe
from scripts.local_stack.snapshot import Canary

_PROBE_SECONDS = 2.0
_CANARY_SECONDS = 90.0
UNIX = "unix://"


def probe_of(address: str) -> Probe:
    """For `http://…`, or `unix://` and the path of Valkey's socket."""
    if address.startswith(UNIX):
        return valkey_ready(Path(address.removeprefix(UNIX)))
    return http_ready(address)


def http_ready(url: str) -> Probe:
    """Ready when the address answers 200."""

    async def probe() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(url, timeout=_PROBE_SECONDS)).status_code == 200
        except httpx.HTTPError:
            return False

    return probe


def valkey_ready(unix_socket: Path) -> Probe:
    """Ready when it answers PONG: not yet while it reads its append-only file."""

    async def probe() -> bool:
        try:
            reader, writer = await asyncio.open_unix_connection(str(unix_socket))
            writer.write(b"PING\r\n")
            answer = await asyncio.wait_for(reader.readline(), _PROBE_SECONDS)
            writer.close()
        except (OSError, TimeoutError):
            return False
        return answer.startswith(b"+PONG")

    return probe


async def sing(url: str) -> Canary:
    """Has the voice service speak a phrase and hear it back."""
    started = time.monotonic()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(url, params={"fresh": "1"}, timeout=_CANARY_SECONDS)
        detail = str(answer.json().get("detail", "It gave no detail."))
        passing = answer.status_code == 200
    except (httpx.HTTPError, ValueError) as exc:
        passing, detail = False, f"It could not be asked ({type(exc).__name__})."
    return Canary(passing, detail, round(time.monotonic() - started, 3))
