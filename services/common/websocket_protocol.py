"""uvicorn's WebSocket protocol, for peers that stop reading.

uvicorn closes a connection by waiting until its buffer is empty. A peer that never reads would keep it, and
what the buffer holds, for ever; and one that sends pings without reading the pongs would make it grow.
"""

import asyncio
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

_LINGER_SECONDS = 5.0
"""Between the end of the application and the end of the connection, for what is still in the buffer."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.close_timeout = _LINGER_SECONDS
        self._abort_timer: asyncio.TimerHandle | None = None

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


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
