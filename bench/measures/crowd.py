"""More callers than places: how soon the refused know, and whether the service goes on answering.

The callers are bare sockets on one selector: client, gateway and service share the cores, and a client
library's own work was most of what a refusal took.
"""

import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from threading import Event, Thread
from urllib.parse import urlsplit

import numpy as np

from bench.measures.timing import median_and_worst
from bench.report import Row
from scripts.local_stack.plan import VOICE
from tests.support.audio_files import wav
from tests.support.by_hand import upload_request
from tests.support.local_stack import LocalStack
from tests.support.recordings import two_cities

UPLOADS, ROUNDS = 32, 9
REFUSAL_GOAL_SECONDS, HEALTH_GOAL_SECONDS = 0.05, 0.1
_HEALTH_EVERY_SECONDS = 0.02
_WAIT_SECONDS = 300.0
"""Only ever reached when something is wrong."""


def overload(stack: LocalStack) -> list[Row]:
    request = upload_request(stack, wav(two_cities().samples()[np.newaxis, : 5 * 16_000]))
    health: list[float] = []
    callers: list[_Caller] = []
    for _ in range(ROUNDS):
        with _watched_health(stack, health):
            callers += _all_at_once(_port(stack.base_url), request)
    served = sum(caller.status == 200 for caller in callers)
    refused = [caller for caller in callers if caller.status == 503 and caller.is_told_when_to_return]
    return [
        Row(f"{UPLOADS} uploads at once, {ROUNDS} times", f"{served} served, {len(refused)} refused"),
        _row("a refusal takes", [caller.seconds for caller in refused], REFUSAL_GOAL_SECONDS),
        _row("`/health/live` meanwhile takes", health, HEALTH_GOAL_SECONDS),
    ]


class _Caller:
    """One upload. `seconds`: from before its connecting to the head of its answer."""

    def __init__(self, port: int, request: bytes) -> None:
        self.status = 0
        self.is_told_when_to_return = False
        self.seconds = 0.0
        self.unsent = memoryview(request)
        self._started = time.perf_counter()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_WAIT_SECONDS)
        self.socket.setblocking(False)

    def send(self) -> None:
        self.unsent = self.unsent[self.socket.send(self.unsent) :]

    def receive(self) -> None:
        """The head of an answer comes in one piece: it is far smaller than a segment of loopback."""
        head = self.socket.recv(65_536).decode("latin-1")
        self.seconds = time.perf_counter() - self._started
        self.status = int(head.split()[1])
        self.is_told_when_to_return = "\r\nretry-after:" in head.lower()
        self.socket.close()


def _all_at_once(port: int, request: bytes) -> list[_Caller]:
    callers = []
    with selectors.DefaultSelector() as ready:
        for _ in range(UPLOADS):
            callers.append(_Caller(port, request))
            ready.register(callers[-1].socket, selectors.EVENT_READ | selectors.EVENT_WRITE, callers[-1])
        while ready.get_map():
            for key, events in ready.select(_WAIT_SECONDS):
                _go_on(ready, key.data, events)
    return callers


def _go_on(ready: selectors.BaseSelector, caller: _Caller, events: int) -> None:
    if events & selectors.EVENT_READ:
        ready.unregister(caller.socket)
        caller.receive()
    elif caller.unsent:
        caller.send()
    else:
        ready.modify(caller.socket, selectors.EVENT_READ, caller)


@contextmanager
def _watched_health(stack: LocalStack, seconds: list[float]) -> Iterator[None]:
    ended = Event()

    def watch() -> None:
        connection = HTTPConnection("127.0.0.1", _port(stack.inner_url(VOICE)), timeout=_WAIT_SECONDS)
        while not ended.wait(_HEALTH_EVERY_SECONDS):
            started = time.perf_counter()
            connection.request("GET", "/health/live")
            connection.getresponse().read()
            seconds.append(time.perf_counter() - started)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _row(what: str, seconds: list[float], goal_seconds: float) -> Row:
    """Promised to each and every one, so the worst decides."""
    met = max(seconds) <= goal_seconds
    return Row(what, median_and_worst(seconds), f"≤ {goal_seconds * 1000:g} ms", met)
