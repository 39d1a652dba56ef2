"""One provider's try at a reply: its deadlines, and the verdict that its breaker gets. Called by chain.py."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from services.common.admission import Deadline
from services.common.circuit_breaker import CircuitBreaker, Permit
from services.common.language_models.fitting import fit
from services.common.language_models.problems import ContextExceeded
from services.common.language_models.provider import (
    CONTEXT_EXCEEDED,
    CUT_OFF,
    NO_MODEL,
    REQUEST_REFUSED,
    ChatProvider,
    Delta,
    Finished,
    Message,
    ProviderFailed,
    Sampling,
    Started,
)
from services.common.problems import DeadlineExceeded

REQUESTS_FAULT = frozenset({CONTEXT_EXCEEDED, REQUEST_REFUSED})
"""The server is well: another request would have been answered."""
_BUSY = "busy"
Clock = Callable[[], float]
Events = AsyncGenerator[Delta | Finished, None]


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """`answer_tokens`: the most that an answer gets unless its caller says otherwise."""

    first_token_seconds: float
    between_tokens_seconds: float
    answer_tokens: int


@dataclass(slots=True)
class Link:
    """A provider in the chain. `heard_at`: when it last said anything, to anybody.

    `known_models`: that it was ever found to have, so that one is missed, not unknown, while it is away.
    """

    provider: ChatProvider
    breaker: CircuitBreaker
    known_models: set[str] = field(default_factory=set)
    heard_at: float = float("-inf")

    @property
    def name(self) -> str:
        return self.provider.name


@dataclass(frozen=True, slots=True)
class Candidate:
    """A link to ask, for this model (None: its default). `degraded`: not what was wished for first."""

    link: Link
    model: str | None
    degraded: bool

    async def shown(self, messages: Sequence[Message], answer_tokens: int) -> list[Message]:
        """As much of the messages as its model can read. Raises ContextExceeded, ProviderFailed."""
        provider = self.link.provider
        return await fit(
            messages,
            await provider.info(self.model),
            answer_tokens=answer_tokens,
            count=lambda part: provider.count_tokens(part, model=self.model),
        )


class Answer:
    """To be settled in the end, however it ended."""

    def __init__(
        self, candidate: Candidate, permit: Permit, limits: StreamLimits, clock: Clock = time.monotonic
    ) -> None:
        self.begun = False
        self._tried_again = False
        self._candidate = candidate
        self._link = candidate.link
        self._permit: Permit | None = permit
        self._limits = limits
        self._clock = clock

    async def events(
        self, messages: Sequence[Message], sampling: Sampling, deadline: Deadline, *, refit: bool
    ) -> AsyncGenerator[Started | Delta | Finished, None]:
        """Raises ProviderFailed; DeadlineExceeded where the caller's own patience ends."""
        while True:
            try:
                async with aclosing(self._events(messages, sampling, deadline, refit=refit)) as events:
                    async for event in events:
                        if isinstance(event, Finished):
                            self._verdict(Permit.success)
                        yield event
            except ProviderFailed as failure:
                if self._deserves_a_second_try(failure.reason):
                    continue
                self._verdict(self._judgement(failure.reason))
                raise
            return

    def _deserves_a_second_try(self, reason: str) -> bool:
        """A server may close a kept connection in the very moment that it is used again; a new one tells."""
        again = reason == CUT_OFF and not self.begun and not self._tried_again
        self._tried_again = self._tried_again or again
        return again

    def settle(self) -> None:
        """Where nobody waited for the end, nothing was learnt."""
        self._verdict(Permit.release)

    async def _events(
        self, messages: Sequence[Message], sampling: Sampling, deadline: Deadline, *, refit: bool
    ) -> AsyncGenerator[Started | Delta | Finished, None]:
        provider, model = self._link.provider, self._candidate.model
        info = await provider.info(model)
        if refit:
            messages = await self._refitted(messages)
        stream = provider.stream(messages, model=model, deadline=deadline, sampling=sampling)
        async with aclosing(stream), aclosing(self._in_time(stream, deadline)) as events:
            async for event in events:
                if not self.begun:
                    self._begin()
                    yield Started(provider.name, info.name, self._candidate.degraded)
                yield event

    async def _refitted(self, messages: Sequence[Message]) -> list[Message]:
        try:
            return await self._candidate.shown(messages, self._limits.answer_tokens)
        except ContextExceeded as exc:
            raise ProviderFailed(CONTEXT_EXCEEDED) from exc

    def _begin(self) -> None:
        """It lives: a probe need not wait for the end of the answer to say so."""
        self.begun = True
        if self._permit is not None and self._permit.is_probe:
            self._permit.success()
            self._permit = self._link.breaker.try_acquire()

    async def _in_time(self, events: Events, deadline: Deadline) -> Events:
        patience = self._limits.first_token_seconds
        while True:
            try:
                async with asyncio.timeout(min(patience, deadline.remaining_seconds)):
                    event = await anext(events)
            except StopAsyncIteration as exc:
                raise ProviderFailed(CUT_OFF, "the stream ended without being done") from exc
            except TimeoutError as exc:
                raise self._silence(deadline) from exc
            self._link.heard_at = self._clock()
            patience = self._limits.between_tokens_seconds
            yield event
            if isinstance(event, Finished):
                return

    def _silence(self, deadline: Deadline) -> Exception:
        if deadline.expired:
            return DeadlineExceeded("The deadline passed before the reply was whole.")
        if not self.begun and self._clock() - self._link.heard_at < self._limits.between_tokens_seconds:
            return ProviderFailed(_BUSY, "it answers others; this request waits in its queue")
        return ProviderFailed("timeout", "no token in time")

    def _judgement(self, reason: str) -> Callable[[Permit], None]:
        if reason in REQUESTS_FAULT:
            return Permit.success
        missing_as_asked = reason == NO_MODEL and self._candidate.model is not None
        return Permit.release if reason == _BUSY or missing_as_asked else Permit.failure

    def _verdict(self, give: Callable[[Permit], None]) -> None:
        permit, self._permit = self._permit, None
        if permit is not None:
            give(permit)
