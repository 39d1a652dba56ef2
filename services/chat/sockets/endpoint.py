"""The ASGI application behind /ws: refuses with a status, or opens a socket and runs it."""

from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from services.chat.conversation import Conversation
from services.chat.metrics import ChatMetrics
from services.chat.sockets.delivery import INSTANCE
from services.chat.sockets.handshake import Handshake, Visitor
from services.chat.sockets.rules import SocketRules
from services.chat.sockets.socket import Socket
from services.common import telemetry
from services.common.problems import ProblemError
from services.common.sockets.open_sockets import OpenSockets
from services.common.sockets.refusing import refuse
from services.common.sockets.wire import PeerGone, Wire

_log = telemetry.get_logger()


@dataclass(frozen=True, slots=True)
class SocketEndpoint:
    handshake: Handshake
    conversation: Conversation
    open_sockets: OpenSockets
    rules: SocketRules
    metrics: ChatMetrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            visitor = await self.handshake.visitor(scope)
            with self.open_sockets.place(visitor.principal.subject):
                await self._serve(visitor, Wire(receive, send, send_seconds=self.rules.send_seconds))
        except ProblemError as problem:
            await refuse(problem, INSTANCE, scope, receive, send)

    async def _serve(self, visitor: Visitor, wire: Wire) -> None:
        try:
            await wire.accept(visitor.subprotocol)
        except PeerGone:
            return
        clock = self.open_sockets.clock
        socket = Socket(wire, visitor, self.conversation, self.rules, clock)
        opened_at = clock()
        with self.open_sockets.watching(socket):
            await socket.run()
        if socket.code is not None:
            self.metrics.socket_closed(socket.code)
        _log.info("socket_closed", code=socket.code, seconds=round(clock() - opened_at, 3))
