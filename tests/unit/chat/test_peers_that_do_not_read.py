"""Peers that stop reading, or stop answering: they are closed, and cost no memory."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from services.common.language_models.provider import Delta, Finished, Started, Usage
from services.common.websocket_protocol import WebSocketProtocol
from tests.support.chat_app import chat_app
from tests.support.chat_chain import FakeChain
from tests.support.chat_socket import token_of
from tests.support.eventually import eventually
from tests.support.serving import serving
from tests.support.tokens import bearer

ANN = bearer("ann")
TOKEN = token_of(ANN)
_PIECES, _PIECE_CHARS = 1_000, 8_192
"""Far more than the buffers of two sockets hold."""


@pytest.fixture(name="scene")
async def scene_fixture() -> AsyncIterator[tuple[str, FastAPI]]:
    chain = FakeChain()
    pieces = [Delta("x" * _PIECE_CHARS)] * _PIECES
    chain.script = [Started("fake", "fake-1", degraded=False), *pieces, Finished(Usage(1, _PIECES), "stop")]
    app, _, _ = chat_app(chain, chat_socket_send_seconds=0.5, chat_shutdown_seconds=1)
    async with serving(app) as url:
        yield url, app


class DeafPeer:
    """A WebSocket client by hand, which sends but does not read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, url: str) -> "DeafPeer":
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1024)
        lines = [
            f"GET /ws?token={TOKEN}&session_id=s HTTP/1.1",
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        writer.write("\r\n".join((*lines, "", "")).encode())
        await reader.readuntil(b"\r\n\r\n")
        return cls(reader, writer)

    def send(self, opcode: int, payload: bytes) -> None:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | min(len(payload), 126))
        if len(payload) > 125:
            head += struct.pack("!H", len(payload))
        self.writer.write(head + b"\0\0\0\0" + payload)

    def say(self, **frame: Any) -> None:
        self.send(1, json.dumps(frame).encode())


async def test_a_reader_that_never_reads_is_closed_and_its_reply_is_kept_all_the_same(
    scene: tuple[str, FastAPI],
) -> None:
    url, app = scene
    peer = await DeafPeer.open(url)
    peer.say(type="message", content="Hello")
    await eventually(lambda: bool(app.state.open_sockets._watched))
    await eventually(lambda: not app.state.open_sockets._watched, within_seconds=60)
    async with httpx.AsyncClient(base_url=url, headers=ANN) as client:
        [_, reply] = (await client.get("/api/v1/chat/history/s")).json()["messages"]
    assert (reply["status"], len(reply["content"])) == ("complete", _PIECES * _PIECE_CHARS)
    peer.writer.transport.abort()


async def test_what_waits_for_a_reader_that_never_reads_is_bounded(
    scene: tuple[str, FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    buffered: list[int] = []
    pause = WebSocketProtocol.pause_writing

    def note(self: WebSocketProtocol) -> None:
        buffered.append(self.transport.get_write_buffer_size())
        pause(self)

    monkeypatch.setattr(WebSocketProtocol, "pause_writing", note)
    url, app = scene
    peer = await DeafPeer.open(url)
    peer.say(type="message", content="Hello")
    await eventually(lambda: bool(app.state.open_sockets._watched))
    await eventually(lambda: not app.state.open_sockets._watched, within_seconds=60)
    assert buffered
    assert max(buffered) < 256 * 1024
    peer.writer.transport.abort()


async def test_a_peer_that_pings_without_reading_the_pongs_is_broken_off(
    scene: tuple[str, FastAPI],
) -> None:
    url, app = scene
    peer = await DeafPeer.open(url)
    await eventually(lambda: bool(app.state.open_sockets._watched))
    for _ in range(2_000):
        for _ in range(100):
            peer.send(9, b"x" * 125)
        if not app.state.open_sockets._watched:
            break
        await asyncio.sleep(0)
    await eventually(lambda: not app.state.open_sockets._watched)
    peer.writer.transport.abort()
