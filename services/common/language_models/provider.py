"""The seam between a conversation and whatever answers it: Ollama, an OpenAI-compatible server, a fake."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from services.common.admission import Deadline

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of a reply."""

    content: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is whole. `length`: it was cut at the model's limit."""

    usage: Usage
    finish_reason: FinishReason


@dataclass(frozen=True, slots=True)
class Started:
    """From a chain, before its first delta: who answers. `degraded`: a provider before this one failed."""

    provider: str
    model: str
    degraded: bool


@dataclass(frozen=True, slots=True)
class Restarted:
    """From a chain: the provider died in mid-answer, the deltas so far are void, another Started follows."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    name: str
    provider: str
    context_tokens: int


class ProviderFailed(Exception):
    """`reason`: one bounded word for metrics (timeout, refused, no_model, …); `detail`: for the log."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class ChatProvider(Protocol):
    name: str

    def stream(
        self, messages: Sequence[Message], *, model: str | None, deadline: Deadline
    ) -> AsyncIterator[Delta | Finished]:
        """Deltas, then one Finished. Raises ProviderFailed, in mid-answer too. `model` None: its default."""
        ...

    async def models(self) -> list[ModelInfo]: ...

    async def count_tokens(self, messages: Sequence[Message], *, model: str | None) -> int: ...
