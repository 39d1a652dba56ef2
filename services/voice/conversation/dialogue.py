"""One conversation with the chat service: questions in order, and a history of what was really heard."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from services.common import telemetry
from services.common.problems import ProblemError
from services.voice.conversation.chat_client import Asked, ChatEvent, ChatService, Question

_log = telemetry.get_logger()


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who talks: their token for the chat service, the session, the model they asked for."""

    token: str
    session_id: str
    model: str | None


class Dialogue:
    """`start` runs a task to its end, whatever happens to the reply that it is about."""

    def __init__(
        self,
        chat: ChatService,
        speaker: Speaker,
        start: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
    ) -> None:
        self._chat = chat
        self._speaker = speaker
        self._start = start
        self._amending: asyncio.Task[None] | None = None

    def question(self, text: str, instructions: str | None) -> Question:
        speaker = self._speaker
        return Question(speaker.session_id, text, secrets.token_hex(12), speaker.model, instructions)

    async def ask(self, question: Question) -> AsyncIterator[ChatEvent]:
        """Once the history has what was heard of the last reply: the next one is written after it."""
        await self.settled()
        events = self._chat.ask(self._speaker.token, question)
        async with aclosing(events) as written:  # type: ignore[type-var]
            async for one in written:
                yield one

    def keep_heard(self, question: Question, reply_id: str | None, characters: int) -> None:
        """`reply_id` None: it was cut off before the chat service said what the reply is called."""
        self._amending = self._start(self._amended(question, reply_id, characters, self._amending))

    async def settled(self) -> None:
        if self._amending is not None:
            await asyncio.gather(self._amending, return_exceptions=True)

    async def _amended(
        self,
        question: Question,
        reply_id: str | None,
        characters: int,
        before: "asyncio.Task[None] | None",
    ) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        speaker = self._speaker
        try:
            named = reply_id or await self._reply_id(question)
            if named is not None:
                await self._chat.keep_heard(speaker.token, speaker.session_id, named, characters)
        except ProblemError as problem:
            _log.warning("heard_not_kept", problem=problem.type)

    async def _reply_id(self, question: Question) -> str | None:
        """The question may have arrived or not: asked again, it has now, and nothing is asked twice."""
        async with aclosing(self._chat.ask(self._speaker.token, question)) as events:  # type: ignore[type-var]
            async for one in events:
                if isinstance(one, Asked):
                    return one.reply_id
        return None
