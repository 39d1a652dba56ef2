"""uvicorn's WebSocket protocol, for peers that stop reading, or that send what is none.

uvicorn closes a connection by waiting until its buffer is empty. A peer that never reads would keep it, and
what the buffer holds, for ever; and one that sends pings without reading the pongs would make it grow.
"""

import asyncio
import json
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from services.common.problems import MEDIA_TYPE, RequestRejected

_LINGER_SECONDS = 5.0
"""Between the end of the application and the end of the connection, for what is still in the buffer."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.close_timeout = _LINGER_SECONDS
        self._abort_timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """An upgrade that cannot be read (a line of over 8 KiB) is answered: uvicorn lets it hang."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(_unreadable())
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._abort_timer is not None:
            self._abort_timer.cancel()

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        super().on_task_complete(task)
        if not self.disconnected:
            self._abort_timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    async def send(self, message: ASGISendEvent) -> None:
        """An upgrade that was refused with a status is complete: else uvicorn logs each as an error."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.transport.abort()

    def handle_text(self, event: Frame) -> None:
        """Bad UTF-8 is the client's fault: no line in the log, and none that a client could fill it with."""
        if event.fin and not _is_utf8(bytes(event.data)):
            self.conn.send_close(1007)
            self.handle_parser_exception()
            return
        super().handle_text(event)


def _unreadable() -> bytes:
    problem = RequestRejected(431, "The address or a header of the upgrade is too long, or is malformed.")
    body = json.dumps(problem.body(instance="/", request_id="-")).encode()
    head = (
        "HTTP/1.1 431 Request Header Fields Too Large",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
