"""Asks one language model after the other until one has answered. Each behind a breaker and deadlines.

A reply is whole or it is a failure: a provider that goes silent, or ends without saying that it is done, has
failed, and the next one begins the reply anew.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.common import telemetry
from services.common.admission import Deadline
from services.common.circuit_breaker import BreakerState, CircuitBreaker, Permit
from services.common.language_models.fitting import fit
from services.common.language_models.problems import ContextExceeded, ModelNotFound, NoLanguageModel
from services.common.language_models.provider import (
    CONTEXT_EXCEEDED,
    DEFAULT_SAMPLING,
    NO_MODEL,
    ChatProvider,
    Delta,
    Finished,
    Message,
    ModelInfo,
    ProviderFailed,
    Restarted,
    Sampling,
    Started,
)
from services.common.problems import DeadlineExceeded, InvalidRequest

_log = telemetry.get_logger()
BREAKER_OPEN = "breaker_open"
_REQUESTS_FAULT = frozenset({CONTEXT_EXCEEDED, "request_refused"})
"""The server is well: another request would have been answered."""
_NO_VERDICT = frozenset({"busy"})


@dataclass(frozen=True, slots=True)
class StreamLimits:
    first_token_seconds: float
    between_tokens_seconds: float
    answer_tokens: int
    """The most that an answer gets unless the caller says otherwise."""


@dataclass(slots=True)
class Link:
    """A provider in the chain. `heard_at`: when it last said anything, to anybody.

    `known_models`: that it was ever found to have, so that one is missed, not unknown, while it is away.
    """

    provider: ChatProvider
    breaker: CircuitBreaker
    known_models: set[str] = field(default_factory=set)
    heard_at: float = -1.0


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A link to ask, for this model (None: its default). `degraded`: not what was wished for first."""

    link: Link
    model: str | None
    degraded: bool


@dataclass(slots=True)
class _Attempts:
    """How each provider that was asked failed."""

    reasons: dict[str, str] = field(default_factory=dict)

    def problem(self, links: Sequence[Link]) -> Exception:
        reasons = set(self.reasons.values())
        if reasons == {CONTEXT_EXCEEDED}:
            return ContextExceeded()
        if reasons and reasons <= _REQUESTS_FAULT:
            return InvalidRequest("The language model refuses this request.")
        return NoLanguageModel(self.reasons, min(link.breaker.retry_after_seconds() for link in links))


class ModelChain:
    def __init__(
        self, links: Sequence[Link], limits: StreamLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._links = tuple(links)
        self._limits = limits
        self._clock = clock

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None,
        deadline: Deadline,
        sampling: Sampling = DEFAULT_SAMPLING,
        refit: bool = True,
    ) -> AsyncIterator[Started | Delta | Restarted | Finished]:
        """Started, deltas, Finished; Restarted voids the deltas so far.

        `refit`: a provider that takes over gets no more of the messages than its own context holds.
        Raises NoLanguageModel, ModelNotFound, ContextExceeded, DeadlineExceeded.
        """
        if sampling.max_tokens is None:
            sampling = replace(sampling, max_tokens=self._limits.answer_tokens)
        attempts = _Attempts()
        void = False
        for candidate in await self._candidates(model):
            permit = candidate.link.breaker.try_acquire()
            if permit is None:
                attempts.reasons[candidate.link.provider.name] = BREAKER_OPEN
                continue
            answer = _Answer(candidate, permit, self._limits, deadline, self._clock)
            try:
                shown = await self._shown(candidate, messages) if refit and attempts.reasons else messages
                async for event in answer.events(shown, sampling):
                    if void and isinstance(event, Started):
                        yield Restarted()
                    yield event
                    if isinstance(event, Finished):
                        return
            except ProviderFailed as failure:
                self._note(candidate, failure, attempts)
                void = void or answer.begun
            finally:
                answer.settle()
        raise attempts.problem(self._links)

    async def fit(
        self, system: Message | None, history: Sequence[Message], *, model: str | None
    ) -> list[Message]:
        """For the first provider that is there. Raises ContextExceeded, ModelNotFound."""
        messages = [*([system] if system else []), *history]
        for candidate in await self._candidates(model):
            if candidate.link.breaker.would_allow():
                try:
                    return await self._shown(candidate, messages)
                except ProviderFailed:
                    continue
        return messages  # nobody is there: stream() will say so

    async def models(self) -> list[ModelInfo]:
        """Of the providers that answer, in the chain's order."""
        found = await asyncio.gather(*(self._models(link) for link in self._links))
        return [info for infos in found for info in infos]

    def status(self) -> Mapping[str, BreakerState]:
        return {link.provider.name: link.breaker.state for link in self._links}

    async def aclose(self) -> None:
        for link in self._links:
            await link.provider.aclose()

    async def _candidates(self, model: str | None) -> list[_Candidate]:
        """A named model's own providers first; then, since some answer is better than none, the others."""
        if model is None:
            return [_Candidate(link, None, at > 0) for at, link in enumerate(self._links)]
        found = await asyncio.gather(*(self._has(link, model) for link in self._links))
        if all(has is False for has in found):
            raise ModelNotFound
        holders = [link for link, has in zip(self._links, found, strict=True) if has]
        others = [link for link, has in zip(self._links, found, strict=True) if not has]
        return [
            *(_Candidate(link, model, at > 0) for at, link in enumerate(holders)),
            *(_Candidate(link, None, degraded=True) for link in others),
        ]

    async def _has(self, link: Link, model: str) -> bool | None:
        """None: it is away, and had it once."""
        missed = None if model in link.known_models else False
        if not link.breaker.would_allow():
            return missed
        try:
            await link.provider.info(model)
        except ProviderFailed as failure:
            return False if failure.reason == NO_MODEL else missed
        link.known_models.add(model)
        return True

    async def _models(self, link: Link) -> list[ModelInfo]:
        try:
            return await link.provider.models()
        except ProviderFailed:
            return []

    async def _shown(self, candidate: _Candidate, messages: Sequence[Message]) -> list[Message]:
        provider, model = candidate.link.provider, candidate.model
        return await fit(
            messages,
            await provider.info(model),
            answer_tokens=self._limits.answer_tokens,
            count=lambda part: provider.count_tokens(part, model=model),
        )

    def _note(self, candidate: _Candidate, failure: ProviderFailed, attempts: _Attempts) -> None:
        provider = candidate.link.provider.name
        attempts.reasons[provider] = failure.reason
        _log.warning("language_model_failed", provider=provider, reason=failure.reason)


class _Answer:
    """One provider's try at the reply: its deadlines, and its breaker's verdict."""

    def __init__(
        self,
        candidate: _Candidate,
        permit: Permit,
        limits: StreamLimits,
        deadline: Deadline,
        clock: Callable[[], float],
    ) -> None:
        self.begun = False
        self._candidate = candidate
        self._link = candidate.link
        self._permit: Permit | None = permit
        self._limits = limits
        self._deadline = deadline
        self._clock = clock
        self._asked_at = clock()

    async def events(
        self, messages: Sequence[Message], sampling: Sampling
    ) -> AsyncIterator[Started | Delta | Finished]:
        """Raises ProviderFailed; DeadlineExceeded where the caller's own patience ends."""
        provider, model = self._link.provider, self._candidate.model
        try:
            info = await provider.info(model)
            events = provider.stream(messages, model=model, deadline=self._deadline, sampling=sampling)
            async for event in self._in_time(events):
                if not self.begun:
                    self._begin()
                    yield Started(provider.name, info.name, self._candidate.degraded)
                if isinstance(event, Finished):
                    self._verdict(Permit.success)
                yield event
        except ProviderFailed as failure:
            self._verdict(self._judgement(failure.reason))
            raise

    def settle(self) -> None:
        """Nobody waited for the end: nothing was learnt."""
        self._verdict(Permit.release)

    def _begin(self) -> None:
        """It lives: a probe need not wait for the end of the answer to say so."""
        self.begun = True
        if self._permit is not None and self._permit.is_probe:
            self._permit.success()
            self._permit = self._link.breaker.try_acquire()

    async def _in_time(self, events: AsyncIterator[Delta | Finished]) -> AsyncIterator[Delta | Finished]:
        limits = self._limits
        patience = limits.first_token_seconds
        try:
            while True:
                try:
                    async with asyncio.timeout(min(patience, self._deadline.remaining_seconds)):
                        event = await anext(events)
                except StopAsyncIteration as exc:
                    raise ProviderFailed("cut_off", "the stream ended without being done") from exc
                except TimeoutError as exc:
                    raise self._silence() from exc
                self._link.heard_at = self._clock()
                patience = limits.between_tokens_seconds
                yield event
        finally:
            await events.aclose()  # type: ignore[attr-defined]

    def _silence(self) -> Exception:
        if self._deadline.expired:
            return DeadlineExceeded("The deadline passed before the reply was whole.")
        if not self.begun and self._link.heard_at > self._clock() - self._limits.between_tokens_seconds:
            return ProviderFailed("busy", "it answers others; this request waits in its queue")
        return ProviderFailed("timeout", "no token in time")

    def _judgement(self, reason: str) -> Callable[[Permit], None]:
        if reason in _REQUESTS_FAULT:
            return Permit.success
        asked_for = self._candidate.model is not None
        if reason in _NO_VERDICT or (reason == NO_MODEL and asked_for):
            return Permit.release
        return Permit.failure

    def _verdict(self, give: Callable[[Permit], None]) -> None:
        permit, self._permit = self._permit, None
        if permit is not None:
            give(permit)
