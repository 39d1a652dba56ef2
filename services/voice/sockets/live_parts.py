"""Puts the WebSockets of the voice service together: their routes, their places, what they listen with."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge
from starlette.routing import BaseRoute, WebSocketRoute

from services.common.sockets.open_sockets import OpenSockets
from services.common.sockets.wire import Wire
from services.common.tickets import OneTimeStore
from services.voice.conversation.chat_client import ChatService
from services.voice.conversation.configuration import Configuration
from services.voice.conversation.dialogue import Speaker
from services.voice.conversation.latency import ConversationMetrics
from services.voice.conversation.reply import ReplyParts
from services.voice.conversation.session import ConversationSession
from services.voice.listening.listener import ListeningParts
from services.voice.settings import VoiceSettings
from services.voice.sockets import conversation, recognition
from services.voice.sockets.conversation import ConversationSocket
from services.voice.sockets.endpoint import Opening, SocketMaker, VoiceSocketEndpoint
from services.voice.sockets.recognition import RecognitionSocket
from services.voice.synthesis.service import SynthesisService


class LiveParts:
    def __init__(
        self,
        settings: VoiceSettings,
        listening: ListeningParts,
        synthesis: SynthesisService,
        chat: ChatService,
        registry: CollectorRegistry,
        tickets: OneTimeStore | None,
    ) -> None:
        self._settings = settings
        self._listening = listening
        self._chat = chat
        self._tickets = tickets
        self._replying = ReplyParts(
            synthesis,
            ConversationMetrics(registry),
            listening.clock,
            phrase_seconds=settings.voice_tts_deadline_seconds,
        )
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
            ),
            WebSocketRoute(
                conversation.INSTANCE,
                self._endpoint(conversation.INSTANCE, conversation.SCOPES, self._conversation),
            ),
        ]

    async def run(self) -> None:
        """Closes sockets that are at their end, until it is cancelled."""
        await self._open_sockets.run()

    def _endpoint(self, instance: str, scopes: tuple[str, ...], make: SocketMaker) -> VoiceSocketEndpoint:
        settings = self._settings
        return VoiceSocketEndpoint(
            instance,
            scopes,
            settings.allowed_origins,
            self._open_sockets,
            settings.socket_rules,
            make,
            self._tickets,
        )

    def _conversation(self, wire: Wire, opening: Opening) -> ConversationSocket:
        rules, clock = self._settings.socket_rules, self._open_sockets.clock
        return ConversationSocket(wire, opening, rules, self._new_session, clock)

    def _new_session(self, speaker: Speaker, socket: ConversationSocket) -> ConversationSession:
        configuration = Configuration(
            self._settings.turn_rules, instructions=self._settings.voice_conversation_instructions or None
        )
        return ConversationSession(
            self._listening, self._replying, self._chat, speaker, configuration, socket.outbox
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
