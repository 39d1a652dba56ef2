"""A model provider that does what it is told: words, an error, a silence, an end without being done."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from services.common.admission import Deadline
from services.common.language_models.provider import (
    DEFAULT_SAMPLING,
    NO_MODEL,
    Delta,
    Finished,
    Message,
    ModelInfo,
    ProviderFailed,
    Sampling,
    Usage,
)

Step = str | ProviderFailed | Finished
SILENCE = "(silence)"
DONE = Finished(Usage(7, 2), "stop")


class ScriptedProvider:
    """`script`: for every answer: words, an exception to raise, SILENCE for ever, DONE. A token is a word."""

    def __init__(
        self, name: str, *script: Step, models: Sequence[str] = ("first",), context_tokens: int = 4096
    ) -> None:
        self.name = name
        self.script = script
        self.recovers_with: tuple[Step, ...] | None = None
        """The script from the second time on that it is asked."""
        self.away: ProviderFailed | None = None
        self.asked: list[Sequence[Message]] = []
        self.sampling: list[Sampling] = []
        self.model_names = list(models)
        self.closed_early = 0
        self._context_tokens = context_tokens

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None,
        deadline: Deadline,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> AsyncGenerator[Delta | Finished, None]:
        self.asked.append(messages)
        self.sampling.append(sampling)
        whole, script = False, self.script
        if self.recovers_with is not None:
            self.script, self.recovers_with = self.recovers_with, None
        try:
            for step in script:
                if isinstance(step, ProviderFailed):
                    whole = True
                    raise step
                if step == SILENCE:
                    await asyncio.Event().wait()
                whole = isinstance(step, Finished)
                yield step if isinstance(step, Finished) else Delta(str(step))
            whole = True
        finally:
            self.closed_early += not whole

    async def info(self, model: str | None) -> ModelInfo:
        if self.away is not None:
            raise self.away
        if model is not None and model not in self.model_names:
            raise ProviderFailed(NO_MODEL)
        return ModelInfo(model or self.model_names[0], self.name, self._context_tokens)

    async def models(self) -> list[ModelInfo]:
        return [await self.info(name) for name in self.model_names]

    async def count_tokens(self, messages: Sequence[Message], *, model: str | None) -> int:
        return sum(len(message.content.split()) for message in messages)

    async def aclose(self) -> None:
        pass
