"""A model chain for tests: says what it is told to, at the pace it is told to, or fails as told."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from services.common.admission import Deadline
from services.common.language_models.answering import AnswerEvent
from services.common.language_models.provider import (
    DEFAULT_SAMPLING,
    Delta,
    Finished,
    Message,
    Sampling,
    Started,
    Usage,
)
from services.common.problems import ServiceUnavailable
from tests.support.one_model_chain import OneModelChain

FRIENDLY = "No language model can answer right now. Your message is kept."


class FakeChain(OneModelChain):
    """Answers "You said: <question>" word by word; a question may ask for more.

    "say N words" gets N words, "be slow" one every `slow_seconds`, "fail" an error at once, "break" one
    after three words, "hang" nothing until `release` is set.
    """

    def __init__(self, slow_seconds: float = 0.01) -> None:
        self.asked: list[Sequence[Message]] = []
        self.sampling: list[Sampling] = []
        self.answering = 0
        self.release = asyncio.Event()
        self.slow_seconds = slow_seconds
        self.script: list[AnswerEvent] | None = None

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None,
        deadline: Deadline,
        sampling: Sampling = DEFAULT_SAMPLING,
        refit: bool = True,
    ) -> AsyncGenerator[AnswerEvent, None]:
        self.asked.append(messages)
        self.sampling.append(sampling)
        self.answering += 1
        try:
            async for event in self._events(messages, model):
                yield event
        finally:
            self.answering -= 1

    async def _events(
        self, messages: Sequence[Message], model: str | None
    ) -> AsyncGenerator[AnswerEvent, None]:
        question = messages[-1].content
        if "fail" in question:
            raise ServiceUnavailable(FRIENDLY)
        if self.script is not None:
            for event in self.script:
                yield event
            return
        yield Started("fake", model or "fake-1", degraded=False)
        if "hang" in question:
            await self.release.wait()
        words = answer_words(question)
        for number, word in enumerate(words):
            if "break" in question and number == 3:
                raise ServiceUnavailable(FRIENDLY)
            if "be slow" in question:
                await asyncio.sleep(self.slow_seconds)
            yield Delta(word)
        yield Finished(Usage(sum(len(message.content.split()) for message in messages), len(words)), "stop")


def answer_words(question: str) -> list[str]:
    """What the fake says to a question, in the pieces it says it in."""
    words = question.split()
    if "say" in words and words[words.index("say") + 1].isdigit():
        return [f"w{number} " for number in range(int(words[words.index("say") + 1]))]
    return [f"{word} " for word in f"You said: {question}".split()]


def answer(question: str) -> str:
    return "".join(answer_words(question))
