"""What a conversation, or an agent, needs of the language models. Filled by the chain; by a fake in tests."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from services.common.admission import Deadline
from services.common.circuit_breaker import BreakerState
from services.common.language_models.provider import (
    DEFAULT_SAMPLING,
    Delta,
    Finished,
    Message,
    ModelInfo,
    Restarted,
    Sampling,
    Started,
)

AnswerEvent = Started | Delta | Restarted | Finished


class AnswerChain(Protocol):
    def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None,
        deadline: Deadline,
        sampling: Sampling = DEFAULT_SAMPLING,
        refit: bool = True,
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Started, deltas, Finished; Restarted voids the deltas so far. Raises ProblemError (503).

        `refit`: a provider that takes over gets no more of the messages than its own context holds.
        """
        ...

    async def fit(
        self, system: Message | None, history: Sequence[Message], *, model: str | None
    ) -> list[Message]:
        """The system prompt and as much of the newest history as the model's context holds, in tokens."""
        ...

    async def models(self) -> list[ModelInfo]: ...

    def status(self) -> Mapping[str, BreakerState]:
        """The breaker of each provider, by name."""
        ...

    async def aclose(self) -> None: ...
