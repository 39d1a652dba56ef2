"""One spoken reply: the chat service writes, each phrase is spoken as soon as it is there, and goes out.

It can be interrupted at any moment; what was heard until then is what the history keeps.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, Protocol

from services.common import telemetry
from services.common.admission import Deadline
from services.common.problems import InvalidRequest, ProblemError
from services.voice.conversation.chat_client import Asked, ChatEvent, Question, Words, Written
from services.voice.conversation.client_events import RATE_HZ
from services.voice.conversation.heard import HeardText
from services.voice.conversation.latency import (
    FIRST_AUDIO,
    FIRST_PHRASE,
    FIRST_TOKEN,
    ConversationMetrics,
    Stages,
)
from services.voice.conversation.phrasing import Phrase, Phrasing
from services.voice.conversation.server_events import (
    AUDIO_DELTA,
    Event,
    assistant_item,
    event,
    new_id,
    response_body,
)
from services.voice.synthesis.leveling import SENTENCE_GAP_SECONDS
from services.voice.synthesis.service import SynthesisOptions, SynthesisService

_log = telemetry.get_logger()
BYTES_PER_SECOND = 2 * RATE_HZ
_DELTA_BYTES = BYTES_PER_SECOND // 5
"""A fifth of a second a frame: small enough to be taken back when the user speaks."""
_PHRASES_AHEAD = 64
_PAUSE = bytes(int(SENTENCE_GAP_SECONDS * RATE_HZ) * 2)
Reason = Literal["turn_detected", "client_cancelled"]


class Mouth(Protocol):
    """Where the reply goes: see sockets/outbox.py."""

    def tell(self, frame: Event) -> None: ...

    async def give(self, frame: Event) -> None: ...

    def discard(self, unwanted: Callable[..., bool]) -> None: ...


@dataclass(frozen=True, slots=True)
class ReplyParts:
    synthesis: SynthesisService
    metrics: ConversationMetrics
    clock: Callable[[], float]
    phrase_seconds: float
    """The most that a phrase may take to be spoken."""


class SpokenReply:
    """`written`: the chat service's events on the `question`. `stages` has run since the end of speech."""

    def __init__(
        self,
        parts: ReplyParts,
        mouth: Mouth,
        question: Question,
        written: AsyncIterator[ChatEvent],
        options: SynthesisOptions,
        stages: Stages,
        conversation_id: str,
    ) -> None:
        self.response_id, self.item_id = new_id("resp"), new_id("item")
        self.question = question
        self.reply_id: str | None = None
        """The chat service's name for it, once it has one."""
        self.heard = HeardText()
        self._parts = parts
        self._mouth = mouth
        self._written = written
        self._options = options
        self._stages = stages
        self._conversation_id = conversation_id
        self._first_audio_at: float | None = None
        self._usage: dict[str, int] = {}
        self._engine = ""
        self._attempts = ""
        """Of the last phrase for which an engine had to stand in."""
        self._problem: ProblemError | None = None
        self._pause_is_due = False
        self._ended = False

    @property
    def under_way(self) -> bool:
        return not self._ended

    def played_seconds(self) -> float:
        """How much of it a client that plays at once has played by now."""
        if self._first_audio_at is None:
            return 0.0
        return min(self.heard.seconds, self._parts.clock() - self._first_audio_at)

    @property
    def is_playing(self) -> bool:
        return self._first_audio_at is not None and self.played_seconds() < self.heard.seconds

    async def run(self) -> None:
        """To its end. When cancelled, the canceller calls `cancel`, which tells the client."""
        self._tell_created()
        phrases: asyncio.Queue[Phrase | None] = asyncio.Queue(_PHRASES_AHEAD)
        writing = asyncio.create_task(self._write(phrases))
        try:
            while (phrase := await phrases.get()) is not None:
                self._stages.reached(FIRST_PHRASE)
                await self._speak(phrase)
            await writing
        except ProblemError as problem:
            await self._apologise(problem)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        self._end("failed" if self._problem else "completed", self._failure())

    def cancel(self, reason: Reason) -> None:
        """Takes back what has not left and tells the client. Once; `run` has been cancelled before."""
        self._mouth.discard(self._is_my_audio)
        if not self._ended:
            self._end("cancelled", {"type": "cancelled", "reason": reason})

    async def _write(self, phrases: "asyncio.Queue[Phrase | None]") -> None:
        """What is said of the reply: deltas in, phrases out, None at the end, however it ends."""
        try:
            phrasing = Phrasing()
            async with aclosing(self._written) as events:  # type: ignore[type-var]
                async for one in events:
                    phrasing = await self._note(one, phrasing, phrases)
            for phrase in phrasing.finish():
                await phrases.put(phrase)
        finally:
            await phrases.put(None)

    async def _note(
        self, one: ChatEvent, phrasing: Phrasing, phrases: "asyncio.Queue[Phrase | None]"
    ) -> Phrasing:
        match one:
            case Asked(reply_id=reply_id):
                self.reply_id = reply_id
            case Words(reset=True):
                return Phrasing()
            case Words(text=text):
                self._stages.reached(FIRST_TOKEN)
                for phrase in phrasing.feed(text):
                    await phrases.put(phrase)
            case Written(usage=usage):
                self._usage = dict(usage)
        return phrasing

    async def _speak(self, phrase: Phrase) -> None:
        deadline = Deadline.after(self._parts.phrase_seconds, self._parts.clock)
        try:
            async with self._parts.synthesis.stream(phrase.text, self._options, deadline) as spoken:
                if self._pause_is_due:
                    await self._give(_PAUSE)
                self._tell("response.output_audio_transcript.delta", delta=phrase.text)
                self.heard.spoke(phrase.text, 0.0)
                async for chunk in spoken.chunks:
                    await self._give(chunk)
                self._engine = spoken.report.engine
                if spoken.report.degraded:
                    self._attempts = spoken.report.attempts_header()
                self._pause_is_due = phrase.ends_sentence
        except InvalidRequest:  # a phrase of nothing but marks: it is written, and cannot be said
            self.heard.spoke(phrase.text, 0.0)

    async def _give(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), _DELTA_BYTES):
            part = pcm[start : start + _DELTA_BYTES]
            if self._first_audio_at is None:
                self._first_audio_at = self._parts.clock()
                self._stages.reached(FIRST_AUDIO)
            self.heard.more(len(part) / BYTES_PER_SECOND)
            await self._mouth.give(self._event(AUDIO_DELTA, delta=base64.b64encode(part).decode()))

    async def _apologise(self, problem: ProblemError) -> None:
        """A failure is spoken about, in the sentence that a reader would have been shown."""
        self._problem = problem
        _log.warning("spoken_reply_failed", problem=problem.type)
        try:
            await self._speak(Phrase(problem.detail, 0))
        except ProblemError as second:
            _log.warning("apology_failed", problem=second.type)

    def _end(self, status: str, details: Event | None) -> None:
        self._ended = True
        item_status = "completed" if status == "completed" else "incomplete"
        item = assistant_item(self.item_id, self.heard.text, item_status)
        self._tell("response.output_audio.done")
        self._tell("response.output_audio_transcript.done", transcript=self.heard.text)
        self._tell("response.content_part.done", part={"type": "audio", "transcript": self.heard.text})
        self._mouth.tell(self._output_event("response.output_item.done", item))
        self._mouth.tell(event("conversation.item.done", item=item))
        self._mouth.tell(event("response.done", response=self._body(status, [item], details)))
        self._parts.metrics.ended(status)
        _log.info("spoken_reply_done", status=status, engine=self._engine, **self._stages.as_metadata())

    def _failure(self) -> Event | None:
        if self._problem is None:
            return None
        code = self._problem.type.rpartition("/")[2].replace("-", "_")
        return {"type": "failed", "error": {"type": "server_error", "code": code}}

    def _tell_created(self) -> None:
        item = assistant_item(self.item_id, "", "in_progress")
        self._mouth.tell(event("response.created", response=self._body("in_progress", [], None)))
        self._mouth.tell(self._output_event("response.output_item.added", item))
        self._mouth.tell(event("conversation.item.added", item=item))
        self._tell("response.content_part.added", part={"type": "audio", "transcript": ""})

    def _body(self, status: str, output: list[Event], details: Event | None) -> Event:
        metadata = self._stages.as_metadata()
        if self._engine:
            metadata["spoken_by"] = self._engine
        if self._attempts:
            metadata["attempts"] = self._attempts
        return response_body(
            self.response_id,
            status,
            conversation_id=self._conversation_id,
            output=output,
            metadata=metadata,
            status_details=details,
            usage=self._usage,
        )

    def _output_event(self, kind: str, item: Event) -> Event:
        return event(kind, response_id=self.response_id, output_index=0, item=item)

    def _tell(self, kind: str, **members: object) -> None:
        self._mouth.tell(self._event(kind, **members))

    def _event(self, kind: str, **members: object) -> Event:
        return event(
            kind,
            response_id=self.response_id,
            item_id=self.item_id,
            output_index=0,
            content_index=0,
            **members,
        )

    def _is_my_audio(self, frame: Event) -> bool:
        return frame.get("type") == AUDIO_DELTA and frame.get("response_id") == self.response_id
