"""Puts the WebSockets of the voice service together: their routes, their places, what they listen with."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge
from starlette.routing import BaseRoute, WebSocketRoute

from services.common.sockets.open_sockets import OpenSockets
from services.common.sockets.wire import Wire
from services.voice.listening.listener import ListeningParts
from services.voice.settings import VoiceSettings
from services.voice.sockets import recognition
from services.voice.sockets.endpoint import Opening, SocketMaker, VoiceSocketEndpoint
from services.voice.sockets.recognition import RecognitionSocket


class LiveParts:
    def __init__(
        self,
        settings: VoiceSettings,
        listening: ListeningParts,
        registry: CollectorRegistry,
    ) -> None:
        self._settings = settings
        self._listening = listening
        gauge = Gauge("voice_sockets", "WebSockets open.", registry=registry)
        self._open_sockets = OpenSockets(
            total_max=settings.voice_sockets_max,
            per_user_max=settings.voice_sockets_per_user,
            gauge=gauge,
        )

    def routes(self) -> Sequence[BaseRoute]:
        return [
            WebSocketRoute(
                recognition.INSTANCE,
                self._endpoint(recognition.INSTANCE, ("voice:transcribe",), self._recognition),
            )
        ]

    async def run(self) -> None:
        """Closes sockets that are at their end, until it is cancelled."""
        await self._open_sockets.run()

    def _endpoint(self, instance: str, scopes: tuple[str, ...], make: SocketMaker) -> VoiceSocketEndpoint:
        settings = self._settings
        return VoiceSocketEndpoint(
            instance, scopes, settings.allowed_origins, self._open_sockets, settings.socket_rules, make
        )

    def _recognition(self, wire: Wire, opening: Opening) -> RecognitionSocket:
        settings = self._settings
        return RecognitionSocket(
            wire,
            opening.principal,
            settings.socket_rules,
            self._listening,
            settings.turn_rules,
            self._open_sockets.clock,
        )
