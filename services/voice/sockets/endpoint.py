"""The ASGI application behind a WebSocket's path: refuses with a status, or opens a socket and runs it."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from services.common import telemetry
from services.common.auth import Principal
from services.common.auth.websocket import UpgradeCredentials, judge_origin, upgrade_credentials
from services.common.problems import Forbidden, ProblemError, Unauthorized
from services.common.sockets.open_sockets import OpenSockets
from services.common.sockets.refusing import refuse
from services.common.sockets.wire import PeerGone, Wire
from services.common.tickets import OneTimeStore, redeemed
from services.voice.sockets.rules import VoiceSocketRules
from services.voice.sockets.socket import VoiceSocket

_log = telemetry.get_logger()


@dataclass(frozen=True, slots=True)
class Opening:
    """Who opens a socket, and how: `token` is theirs, to speak to other services with."""

    principal: Principal
    token: str
    scope: Scope
    subprotocol: str | None


SocketMaker = Callable[[Wire, Opening], VoiceSocket]


@dataclass(frozen=True, slots=True)
class VoiceSocketEndpoint:
    """`make` may raise a ProblemError, which refuses the upgrade. `tickets` None: none are taken."""

    instance: str
    scopes: tuple[str, ...]
    allowed_origins: frozenset[str]
    open_sockets: OpenSockets
    rules: VoiceSocketRules
    make: SocketMaker
    tickets: OneTimeStore | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            opening = await self._opening(scope)
            wire = Wire(receive, send, send_seconds=self.rules.send_seconds)
            with self.open_sockets.place(opening.principal.subject):
                await self._serve(self.make(wire, opening), wire, opening)
        except ProblemError as problem:
            await refuse(problem, self.instance, scope, receive, send)

    async def _opening(self, scope: Scope) -> Opening:
        judge_origin(scope, self.allowed_origins)
        credentials = upgrade_credentials(scope)
        token = await self._token(credentials)
        principal = await scope["app"].state.token_verifier.verify(token)
        missing = [name for name in self.scopes if not principal.may(name)]
        if missing:
            raise Forbidden(f"The token lacks the scope {missing[0]}.", required_scopes=list(self.scopes))
        return Opening(principal, token, scope, credentials.subprotocol)

    async def _token(self, credentials: UpgradeCredentials) -> str:
        if credentials.ticket is None:
            return credentials.token or ""
        if self.tickets is None:
            raise Unauthorized("No tickets are taken here. Send a token.")
        return await redeemed(self.tickets, credentials.ticket)

    async def _serve(self, socket: VoiceSocket, wire: Wire, opening: Opening) -> None:
        try:
            await wire.accept(opening.subprotocol)
        except PeerGone:
            return
        opened_at = self.open_sockets.clock()
        with self.open_sockets.watching(socket):
            await socket.run()
        _log.info(
            "voice_socket_closed",
            path=self.instance,
            seconds=round(self.open_sockets.clock() - opened_at, 3),
        )
