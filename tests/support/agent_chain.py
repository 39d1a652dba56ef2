"""A model chain for the agent's tests: drafts and verdicts are said in the order they are written in."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from services.common.admission import Deadline
from services.common.language_models.answering import AnswerEvent
from services.common.language_models.problems import NoLanguageModel
from services.common.language_models.provider import (
    DEFAULT_SAMPLING,
    Delta,
    Finished,
    Message,
    Restarted,
    Sampling,
    Started,
    Usage,
)
from tests.support.one_model_chain import OneModelChain

FAILS = "<fails>"
CUT = "<cut>"
RESTARTS = "<restarts>"
HANGS = "<hangs>"


class ScriptedChain(OneModelChain):
    """`drafts` and `verdicts` are taken one by one; the last one stays.

    FAILS: no provider answers. A draft that begins with CUT ends at its limit; one that begins with RESTARTS
    loses its first provider in mid-answer. HANGS: nothing until `release` is set, then two words.
    """

    def __init__(self, drafts: Sequence[str] = ("It is four.",), verdicts: Sequence[str] = ("PASS",)) -> None:
        self.drafts = list(drafts)
        self.verdicts = list(verdicts)
        self.asked: list[Sequence[Message]] = []
        self.checked: list[Sequence[Message]] = []
        self.release = asyncio.Event()

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None,
        deadline: Deadline,
        sampling: Sampling = DEFAULT_SAMPLING,
        refit: bool = True,
    ) -> AsyncGenerator[AnswerEvent, None]:
        is_check = "about to be given" in messages[-1].content
        (self.checked if is_check else self.asked).append(messages)
        script = self.verdicts if is_check else self.drafts
        text = script.pop(0) if len(script) > 1 else script[0]
        if text == HANGS:
            await self.release.wait()
            text = "At last."
        if text == FAILS:
            raise NoLanguageModel({"fake": "refused"}, 1.0)
        yield Started("fake", model or "fake-1", degraded=False)
        if text.startswith(RESTARTS):
            yield Delta("half of ")
            yield Restarted()
            yield Started("other", "fake-2", degraded=True)
        said = text.removeprefix(CUT).removeprefix(RESTARTS)
        for word in said.split(" "):
            yield Delta(f"{word} ")
        yield Finished(Usage(10, len(said.split())), "length" if text.startswith(CUT) else "stop")
