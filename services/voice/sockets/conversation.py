"""WS /v1/realtime: spoken conversation in the vocabulary of OpenAI's Realtime API."""

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from services.common import telemetry
from services.common.auth.websocket import upgrade_query
from services.common.problems import InvalidRequest, ProblemError
from services.common.sockets.wire import Wire
from services.voice.conversation import server_events
from services.voice.conversation.client_events import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    ItemCreate,
    ItemTruncate,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    parse,
)
from services.voice.conversation.dialogue import Speaker
from services.voice.conversation.session import ConversationSession
from services.voice.sockets.endpoint import Opening
from services.voice.sockets.rules import VoiceSocketRules
from services.voice.sockets.socket import VoiceSocket

INSTANCE = "/v1/realtime"
SCOPES = ("voice:transcribe", "voice:synthesize", "chat")
_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_THEIR_MODELS = re.compile(r"gpt-.*|parley")
"""Names that clients have written into them: the house's own model answers."""


def speaker_of(opening: Opening) -> Speaker:
    """`?session_id=` goes on with a chat session; `?model=` names the model that writes. InvalidRequest."""
    query = upgrade_query(opening.scope)
    session_id = query.get("session_id", [secrets.token_hex(12)])[0]
    if not _SESSION_ID.fullmatch(session_id):
        raise InvalidRequest("session_id is up to 128 letters, digits, dots, dashes and underscores.")
    model = query.get("model", [""])[0]
    return Speaker(opening.token, session_id, None if not model or _THEIR_MODELS.fullmatch(model) else model)


class ConversationSocket(VoiceSocket):
    def __init__(
        self,
        wire: Wire,
        opening: Opening,
        rules: VoiceSocketRules,
        new_session: Callable[[Speaker, "ConversationSocket"], ConversationSession],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(wire, opening.principal, rules, clock)
        self._session = new_session(speaker_of(opening), self)
        self._event_id: str | None = None

    async def opened(self) -> None:
        self._session.open()

    async def take_message(self, message: Mapping[str, Any]) -> None:
        named = message.get("event_id")
        self._event_id = named if isinstance(named, str) and len(named) <= 512 else None
        session = self._session
        match parse(message):
            case AudioAppend(audio=pcm):
                await session.hear(pcm)
            case AudioCommit():
                await session.commit()
            case AudioClear():
                await session.clear()
            case SessionUpdate(session=change):
                await session.update(change)
            case ItemCreate(item=item):
                session.add(item)
            case ItemTruncate() as told:
                session.truncate(told)
            case ResponseCreate(response=wanted):
                session.respond(wanted)
            case ResponseCancel():
                session.interrupt("client_cancelled")

    async def take_audio(self, pcm: bytes) -> None:
        raise InvalidRequest("Audio comes as base64, in input_audio_buffer.append.")

    def told_problem(self, problem: ProblemError) -> Mapping[str, Any]:
        return server_events.error(problem, telemetry.current_request_id(), self._event_id)

    async def aclose(self) -> None:
        await self._session.aclose()
