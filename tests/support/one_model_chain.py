"""What every fake of the model chain has in common: one model, all of the history fits, nothing to close."""

from collections.abc import Mapping, Sequence

from services.common.circuit_breaker import BreakerState
from services.common.language_models.provider import Message, ModelInfo


class OneModelChain:
    """The part of an AnswerChain beside `stream`. `breaker_state`: its one provider's."""

    breaker_state = BreakerState.CLOSED

    async def fit(
        self, system: Message | None, history: Sequence[Message], *, model: str | None
    ) -> list[Message]:
        return [*([system] if system else []), *history]

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo("fake-1", "fake", 2048)]

    def status(self) -> Mapping[str, BreakerState]:
        return {"fake": self.breaker_state}

    async def aclose(self) -> None:
        pass
