"""The line to the chat service: one message at a time, and its reply, however often the connection breaks."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

Frame = dict[str, Any]
AWAY: Frame = {"type": "away"}
"""Told once when the connection has broken and is being made anew."""
_OPEN_SECONDS = 10.0
_SILENCE_SECONDS = 60.0
"""The gateway or the service is gone without a word if nothing came for so long in mid-reply."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.25, 5.0
_FINAL_STATUSES = frozenset({400, 401, 403, 404, 422, 431})


class Refused(Exception):
    """The upgrade was refused for good; the message is the problem's own."""


@dataclass(slots=True)
class Line:
    """`address`: of the WebSocket. `pause` waits so many seconds; a test's does not."""

    address: str
    token: str
    session_id: str
    pause: Callable[[float], None] = time.sleep
    _connection: ClientConnection | None = None
    _reply_id: str | None = None
    _cut: bool = False

    def say(self, content: str, model: str | None = None, message_id: str | None = None) -> Iterator[Frame]:
        """The frames of one exchange, from its ack to `done` or `error`; AWAY in between where it broke.

        The message has an id, so that said twice it is kept once; the reply goes on at the next seq. With
        the id of a message that was not answered, that one is answered.
        Ctrl-C asks for the reply to end, which it then does with `done`; a second one is raised.
        """
        message = {"type": "message", "id": message_id or new_message_id(), "content": content}
        request: Frame = message | ({"model": model} if model else {})
        self._reply_id, self._cut, seq = None, False, 0
        while True:
            try:
                self._open().send(json.dumps(request))
                for frame in self._frames():
                    seq = max(seq, frame.get("seq", 0))
                    yield frame
                    if frame["type"] in {"done", "error"}:
                        return
            except (OSError, WebSocketException):
                yield AWAY
                self._reopen()
                request = self._resumption(seq) or request

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _resumption(self, seq: int) -> Frame | None:
        if self._reply_id is None:
            return None
        return {"type": "resume", "message_id": self._reply_id, "after_seq": seq}

    def _frames(self) -> Iterator[Frame]:
        connection = self._open()
        while True:
            try:
                frame: Frame = json.loads(connection.recv(timeout=_SILENCE_SECONDS))
            except KeyboardInterrupt:
                self._cut_short(connection)
                continue
            if frame["type"] == "ack":
                self._reply_id = frame["message_id"]
            if frame["type"] not in {"ready", "pong"}:
                yield frame

    def _cut_short(self, connection: ClientConnection) -> None:
        if self._cut or self._reply_id is None:
            raise KeyboardInterrupt
        self._cut = True
        connection.send(json.dumps({"type": "cancel", "message_id": self._reply_id}))

    def _open(self) -> ClientConnection:
        if self._connection is None:
            self._connection = self._connected()
        return self._connection

    def _connected(self) -> ClientConnection:
        address = f"{self.address}?{urlencode({'session_id': self.session_id})}"
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            return connect(address, additional_headers=headers, open_timeout=_OPEN_SECONDS, proxy=None)
        except InvalidStatus as refusal:
            _refuse_for_good(refusal)
            raise

    def _reopen(self) -> None:
        """Tries again and again, at growing intervals. Raises Refused where that is no use."""
        seconds = _FIRST_PAUSE_SECONDS
        while True:
            self._forget()
            with suppress(OSError, WebSocketException):
                self._open()
                return
            self.pause(seconds)
            seconds = min(2 * seconds, _LONGEST_PAUSE_SECONDS)

    def _forget(self) -> None:
        """Without a goodbye: whoever was there does not answer."""
        if self._connection is not None:
            self._connection.socket.close()
            self._connection = None


def new_message_id() -> str:
    return secrets.token_hex(8)


def _refuse_for_good(refusal: InvalidStatus) -> None:
    if refusal.response.status_code not in _FINAL_STATUSES:
        return
    try:
        detail = str(json.loads(refusal.response.body or b"")["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"The server refused with {refusal.response.status_code}."
    raise Refused(detail) from refusal
