"""The chat service as a script: what it writes, when it fails, and what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from services.common.problems import ProblemError
from services.voice.conversation.chat_client import Asked, ChatEvent, Question, Words, Written


@dataclass
class ScriptedChat:
    """Writes `words` one after the other. `gate`: waited for before all but the first `pause_after` of them;
    `problem`: raised after the last."""

    words: Sequence[str] = ("It is ", "ten o'clock. ", "Would you like ", "to know more?")
    problem: ProblemError | None = None
    gate: asyncio.Event | None = None
    pause_after: int = 0
    silent_until: asyncio.Event | None = None
    """Waited for before it says that it has the message."""
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """(session, text, model) of each message."""
    questions: list[Question] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    kept: list[tuple[str, int]] = field(default_factory=list)
    """(reply, characters) of what was heard."""
    order: list[str] = field(default_factory=list)

    async def ask(self, token: str, question: Question) -> AsyncIterator[ChatEvent]:
        number = self._number_of(question, token)
        if self.silent_until is not None:
            await self.silent_until.wait()
        yield Asked(f"message-{number}", f"reply-{number}")
        for index, word in enumerate(self.words):
            if self.gate is not None and index >= self.pause_after:
                await self.gate.wait()
            yield Words(word)
        if self.problem is not None:
            raise self.problem
        yield Written("scripted", {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12})

    def _number_of(self, question: Question, token: str) -> int:
        """Asked again with the same key, it is the same message."""
        if question.key not in (asked.key for asked in self.questions):
            self.asked.append((question.session_id, question.text, question.model))
            self.questions.append(question)
            self.tokens.append(token)
            self.order.append("ask")
        return 1 + [asked.key for asked in self.questions].index(question.key)

    async def keep_heard(self, token: str, session_id: str, reply_id: str, characters: int) -> None:
        self.kept.append((reply_id, characters))
        self.order.append("keep")

    async def aclose(self) -> None:
        """Nothing is open."""
