"""A spoken conversation: turns go to the chat service, replies come back as speech, the user may cut in.

Knows no socket: client events come in as calls, what is to be told goes to the mouth.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from services.common import telemetry
from services.common.problems import InvalidRequest, ProblemError
from services.voice.conversation import server_events
from services.voice.conversation.chat_client import ChatService
from services.voice.conversation.client_events import (
    RATE_HZ,
    ItemTruncate,
    ResponseParameters,
    SessionChange,
    UserMessage,
)
from services.voice.conversation.configuration import Configuration
from services.voice.conversation.dialogue import Dialogue, Speaker
from services.voice.conversation.latency import END_OF_TURN, TRANSCRIPT, Stages
from services.voice.conversation.manual_turn import ManualTurn
from services.voice.conversation.reply import Mouth, Reason, ReplyParts, SpokenReply
from services.voice.conversation.server_events import event, new_id, user_item
from services.voice.listening.listener import (
    Failed,
    Final,
    Listener,
    ListenerEvent,
    ListeningParts,
    Partial,
    Started,
    Stopped,
)
from services.voice.transcription.service import Transcription

_log = telemetry.get_logger()
_REPLIES_KEPT = 16
"""Of which a client may still say how much was heard."""


class ConversationSession:
    def __init__(
        self,
        listening: ListeningParts,
        replying: ReplyParts,
        chat: ChatService,
        speaker: Speaker,
        configuration: Configuration,
        mouth: Mouth,
    ) -> None:
        self.configuration = configuration
        self._listening = listening
        self._replying = replying
        self._dialogue = Dialogue(chat, speaker, self._start)
        self._speaker = speaker
        self._mouth = mouth
        self._listener: Listener | None = None
        self._manual = ManualTurn(listening)
        self._item_id = new_id("item")
        self._previous_item_id: str | None = None
        self._partial = ""
        self._turn_ended_at = 0.0
        self._unanswered: list[str] = []
        self._reply: SpokenReply | None = None
        self._replies: dict[str, SpokenReply] = {}
        self._speaking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        self._mouth.tell(event("session.created", session=self._session_body()))

    async def update(self, change: SessionChange) -> None:
        """Raises InvalidRequest. Audio that was not answered yet is forgotten when the listening changes."""
        listening = self.configuration.listening
        self.configuration = self.configuration.changed(change, self._replying.synthesis.voices())
        if self.configuration.listening != listening:
            await self._stop_listening()
        self._mouth.tell(event("session.updated", session=self._session_body()))

    async def hear(self, pcm: bytes) -> None:
        """Raises InvalidRequest."""
        if self.configuration.turn_detection is None:
            self._manual.append(pcm)
        else:
            await self._hearing().feed(pcm)

    async def commit(self) -> None:
        """Raises InvalidRequest, and what transcription does."""
        if self.configuration.turn_detection is not None:
            if self._listener is not None:
                await self._listener.finish()
            return
        committed_at = self._listening.clock()
        self._item_id = new_id("item")
        found = await self._manual.transcribed(self.configuration.transcription_options)
        self._keep_turn(found, Stages(committed_at, self._listening.clock, self._replying.metrics))

    async def clear(self) -> None:
        self._manual.clear()
        await self._stop_listening()
        self._mouth.tell(event("input_audio_buffer.cleared"))

    def add(self, message: UserMessage) -> None:
        self._item_id = message.id or new_id("item")
        item = user_item(self._item_id, {"type": "input_text", "text": message.text})
        self._tell_item(item)
        self._unanswered.append(message.text)

    def respond(self, wanted: ResponseParameters | None = None, stages: Stages | None = None) -> None:
        """Answers what is unanswered. Raises InvalidRequest."""
        if not self._unanswered:
            raise InvalidRequest("There is nothing that could be answered.")
        if self._reply is not None and self._reply.under_way:
            raise InvalidRequest("A response is under way. Cancel it first.")
        text, self._unanswered = "\n".join(self._unanswered), []
        instructions = (wanted and wanted.instructions) or self.configuration.instructions
        question = self._dialogue.question(text, instructions)
        stages = stages or Stages(self._listening.clock(), self._listening.clock, self._replying.metrics)
        reply = SpokenReply(
            self._replying,
            self._mouth,
            question,
            self._dialogue.ask(question),
            self.configuration.synthesis_options,
            stages,
            self._speaker.session_id,
        )
        self._remember(reply)
        self._speaking = self._start(reply.run())

    def interrupt(self, reason: Reason) -> None:
        """Our voice stops, and the history keeps only what was heard by now."""
        reply = self._reply
        if reply is None or not (reply.under_way or reply.is_playing):
            return
        heard = reply.heard.characters(reply.played_seconds())
        self._silence(reply, reason)
        self._dialogue.keep_heard(reply.question, reply.reply_id, heard)

    def truncate(self, told: ItemTruncate) -> None:
        """The client knows best what was played. Raises InvalidRequest."""
        reply = self._replies.get(told.item_id)
        if reply is None:
            raise InvalidRequest("There is no such item of ours, or it is too long ago.")
        self._silence(reply, "client_cancelled")
        heard = reply.heard.characters(told.audio_end_ms / 1000)
        self._dialogue.keep_heard(reply.question, reply.reply_id, heard)
        self._mouth.tell(
            event(
                "conversation.item.truncated",
                item_id=told.item_id,
                content_index=0,
                audio_end_ms=told.audio_end_ms,
            )
        )

    async def aclose(self) -> None:
        """Who hangs up in mid-reply has heard no more of it."""
        self.interrupt("client_cancelled")
        await self._stop_listening()
        await self._dialogue.settled()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hearing(self) -> Listener:
        if self._listener is None:
            self._listener = Listener(
                self._listening,
                rate_hz=RATE_HZ,
                rules=self.configuration.turn_rules,
                options=self.configuration.transcription_options,
                wants_partials=self.configuration.wants_partials,
                tell=self._on,
            )
        return self._listener

    async def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.aclose()

    def _on(self, heard: ListenerEvent) -> None:
        match heard:
            case Started(at_seconds):
                self._begin_turn(at_seconds)
            case Partial(text):
                self._tell_partial(text)
            case Stopped(at_seconds):
                self._turn_ended_at = self._listening.clock()
                self._tell_turn("input_audio_buffer.speech_stopped", audio_end_ms=_ms(at_seconds))
            case Final(transcription, heard_at=heard_at):
                stages = Stages(heard_at, self._listening.clock, self._replying.metrics)
                stages.reached(END_OF_TURN, self._turn_ended_at)
                self._end_turn(transcription, stages)
            case Failed(problem):
                self._tell_failed(problem)

    def _begin_turn(self, at_seconds: float) -> None:
        self._item_id, self._partial = new_id("item"), ""
        self._tell_turn("input_audio_buffer.speech_started", audio_start_ms=_ms(at_seconds))
        detection = self.configuration.turn_detection
        if detection is not None and detection.interrupt_response:
            self.interrupt("turn_detected")

    def _end_turn(self, found: Transcription, stages: Stages) -> None:
        if not found.text:  # a sound that was no speech: nothing was said, so nothing is answered
            self._mouth.tell(event("input_audio_buffer.cleared"))
            return
        self._keep_turn(found, stages)
        detection = self.configuration.turn_detection
        if detection is not None and detection.create_response:
            if self._reply is not None and self._reply.under_way:
                self.interrupt("turn_detected")
            self.respond(stages=stages)

    def _keep_turn(self, found: Transcription, stages: Stages) -> None:
        stages.reached(TRANSCRIPT)
        self._tell_turn("input_audio_buffer.committed", previous_item_id=self._previous_item_id)
        self._tell_item(user_item(self._item_id, {"type": "input_audio", "transcript": found.text}))
        self._tell_turn(
            "conversation.item.input_audio_transcription.completed",
            content_index=0,
            transcript=found.text,
            usage={"type": "duration", "seconds": round(found.duration_seconds, 3)},
        )
        if found.text:
            self._unanswered.append(found.text)

    def _tell_partial(self, text: str) -> None:
        """A delta is what is new; words that were heard otherwise before wait for the end."""
        if text.startswith(self._partial) and len(text) > len(self._partial):
            self._tell_turn(
                "conversation.item.input_audio_transcription.delta",
                content_index=0,
                delta=text[len(self._partial) :],
            )
            self._partial = text

    def _tell_failed(self, problem: ProblemError) -> None:
        error = server_events.error(problem, telemetry.current_request_id())["error"]
        self._tell_turn("conversation.item.input_audio_transcription.failed", content_index=0, error=error)

    def _silence(self, reply: SpokenReply, reason: Reason) -> None:
        if reply is self._reply and self._speaking is not None:
            self._speaking.cancel()
        reply.cancel(reason)

    def _remember(self, reply: SpokenReply) -> None:
        self._reply = reply
        self._replies[reply.item_id] = reply
        while len(self._replies) > _REPLIES_KEPT:
            del self._replies[next(iter(self._replies))]

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            _log.error("conversation_failed", error_type=type(exc).__name__, exc_info=exc)
            problem = ProblemError("Something failed on our side. The request id finds it in the log.")
            self._mouth.tell(server_events.error(problem, telemetry.current_request_id()))

    def _tell_item(self, item: server_events.Event) -> None:
        for kind in ("conversation.item.added", "conversation.item.done"):
            self._mouth.tell(event(kind, item=item, previous_item_id=self._previous_item_id))
        self._previous_item_id = item["id"]

    def _tell_turn(self, kind: str, **members: object) -> None:
        self._mouth.tell(event(kind, item_id=self._item_id, **members))

    def _session_body(self) -> server_events.Event:
        """`id` is the chat service's session: its history has the turns."""
        return {
            "id": self._speaker.session_id,
            "object": "realtime.session",
            "type": "realtime",
            "model": self._speaker.model or "parley",
            "output_modalities": ["audio"],
            **self.configuration.as_json(),
        }


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
