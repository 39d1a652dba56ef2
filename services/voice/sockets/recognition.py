"""WS /api/v1/voice/stt/stream: live recognition, in our own messages or in those of vosk-server.

Which of the two it is shows in the client's first frame: ours says {"type": "start"}. Whatever model a client
of vosk-server asks for, the house's own hear it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.common import telemetry
from services.common.auth import Principal
from services.common.problems import ProblemError
from services.common.sockets.wire import Wire
from services.voice.listening.listener import ListeningParts
from services.voice.listening.turn_taking import TurnRules
from services.voice.sockets.live_protocol import LiveProtocol
from services.voice.sockets.our_protocol import OurProtocol
from services.voice.sockets.rules import VoiceSocketRules
from services.voice.sockets.socket import VoiceSocket
from services.voice.sockets.vosk_protocol import VoskProtocol

INSTANCE = "/api/v1/voice/stt/stream"


class RecognitionSocket(VoiceSocket):
    def __init__(
        self,
        wire: Wire,
        principal: Principal,
        rules: VoiceSocketRules,
        parts: ListeningParts,
        turn_rules: TurnRules,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(wire, principal, rules, clock)
        self._parts = parts
        self._turn_rules = turn_rules
        self._protocol: LiveProtocol | None = None

    async def opened(self) -> None:
        """vosk-server says nothing first, and its clients expect nothing."""

    async def take_message(self, message: Mapping[str, Any]) -> None:
        if self._protocol is None:
            ours = "type" in message
            self._protocol = self._protocol_of(OurProtocol if ours else VoskProtocol)
        await self._protocol.take(message)

    async def take_audio(self, pcm: bytes) -> None:
        if self._protocol is None:
            self._protocol = self._protocol_of(VoskProtocol)
        await self._protocol.take_audio(pcm)

    def told_problem(self, problem: ProblemError) -> Mapping[str, Any]:
        body = problem.body(instance=INSTANCE, request_id=telemetry.current_request_id())
        return {"type": "error", "problem": body}

    async def aclose(self) -> None:
        if self._protocol is not None:
            await self._protocol.aclose()

    def _protocol_of(self, kind: type[LiveProtocol]) -> LiveProtocol:
        return kind(self._parts, self._turn_rules, self.outbox.tell)
