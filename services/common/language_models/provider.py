"""The seam between a conversation and whatever answers it: Ollama, an OpenAI-compatible server, a fake."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from services.common.admission import Deadline

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and when to end. None: as the model server has it.

    `max_tokens`: of the answer. `stop`: the answer ends before the first of these.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()


DEFAULT_SAMPLING = Sampling()


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of a reply. An empty one says that the model is at work: it thinks, unseen."""

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
    """`context_tokens`: prompt and answer together."""

    name: str
    provider: str
    context_tokens: int


class ProviderFailed(Exception):
    """`reason`: one bounded word for metrics (timeout, refused, no_model, …); `detail`: for the log."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


NO_MODEL = "no_model"
CUT_OFF = "cut_off"
CONTEXT_EXCEEDED = "context_exceeded"
REQUEST_REFUSED = "request_refused"


def reason_of_status(status: int) -> str:
    """What a server's refusal means, whichever dialect it speaks."""
    match status:
        case 404:
            return NO_MODEL
        case 401 | 403:
            return "unauthorized"
        case 429 | 503:
            return "busy"
        case 400 | 422:
            return REQUEST_REFUSED
    return "server_error"


class ChatProvider(Protocol):
    """`model` None, wherever it is asked for: the provider's default."""

    name: str

    def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None,
        deadline: Deadline,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> AsyncGenerator[Delta | Finished, None]:
        """Deltas, then one Finished. Raises ProviderFailed, in mid-answer too."""
        ...

    async def info(self, model: str | None) -> ModelInfo:
        """Raises ProviderFailed, with the reason `no_model` where it has none of that name."""
        ...

    async def models(self) -> list[ModelInfo]: ...

    async def count_tokens(self, messages: Sequence[Message], *, model: str | None) -> int:
        """Of the prompt that these messages become; where it can only be estimated, rather too many."""
        ...

    async def aclose(self) -> None: ...
