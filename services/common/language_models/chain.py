"""Asks one language model after the other until one has answered. Each behind a breaker and deadlines.

A reply is whole or it is a failure: a provider that goes silent, or ends without saying that it is done, has
failed, and the next one begins the reply anew.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from services.common import telemetry
from services.common.admission import Deadline
from services.common.circuit_breaker import BreakerState
from services.common.language_models.answer import (
    REQUESTS_FAULT,
    Answer,
    Candidate,
    Clock,
    Link,
    StreamLimits,
)
from services.common.language_models.problems import ContextExceeded, ModelNotFound, NoLanguageModel
from services.common.language_models.provider import (
    CONTEXT_EXCEEDED,
    DEFAULT_SAMPLING,
    NO_MODEL,
    Delta,
    Finished,
    Message,
    ModelInfo,
    ProviderFailed,
    Restarted,
    Sampling,
    Started,
)
from services.common.problems import InvalidRequest, ProblemError

_log = telemetry.get_logger()
BREAKER_OPEN = "breaker_open"


class ModelChain:
    def __init__(self, links: Sequence[Link], limits: StreamLimits, clock: Clock = time.monotonic) -> None:
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
    ) -> AsyncGenerator[Started | Delta | Restarted | Finished, None]:
        """Started, deltas, Finished; Restarted voids the deltas so far.

        `refit`: a provider that takes over gets no more of the messages than its own context holds.
        Raises NoLanguageModel, ModelNotFound, ContextExceeded, InvalidRequest, DeadlineExceeded.
        """
        if sampling.max_tokens is None:
            sampling = replace(sampling, max_tokens=self._limits.answer_tokens)
        attempts: dict[str, str] = {}
        void = False
        for candidate in await self._candidates(model):
            permit = candidate.link.breaker.try_acquire()
            if permit is None:
                attempts[candidate.link.name] = BREAKER_OPEN
                continue
            answer = Answer(candidate, permit, self._limits, self._clock)
            takes_over = refit and bool(attempts)
            try:
                async with aclosing(answer.events(messages, sampling, deadline, refit=takes_over)) as events:
                    async for event in events:
                        if void and isinstance(event, Started):
                            yield Restarted()
                        yield event
                return  # noqa: TRY300 - an `else` would run after the `finally` that settles it
            except ProviderFailed as failure:
                attempts[candidate.link.name] = failure.reason
                void = void or answer.begun
                _log.warning("language_model_failed", provider=candidate.link.name, reason=failure.reason)
            finally:
                answer.settle()
        raise self._problem(attempts)

    async def fit(
        self, system: Message | None, history: Sequence[Message], *, model: str | None
    ) -> list[Message]:
        """For the first provider that is there. Raises ContextExceeded, ModelNotFound."""
        messages = [*([system] if system else []), *history]
        for candidate in await self._candidates(model):
            if candidate.link.breaker.would_allow():
                try:
                    return await candidate.shown(messages, self._limits.answer_tokens)
                except ProviderFailed:
                    continue
        return messages  # nobody is there: stream() will say so

    async def models(self) -> list[ModelInfo]:
        """Of the providers that answer, in the chain's order."""
        found = await asyncio.gather(*(_models(link) for link in self._links))
        return [info for infos in found for info in infos]

    def status(self) -> Mapping[str, BreakerState]:
        return {link.name: link.breaker.state for link in self._links}

    async def aclose(self) -> None:
        for link in self._links:
            await link.provider.aclose()

    async def _candidates(self, model: str | None) -> list[Candidate]:
        """A named model's own providers first; then, since some answer is better than none, the others."""
        if model is None:
            return [Candidate(link, None, at > 0) for at, link in enumerate(self._links)]
        found = await asyncio.gather(*(_has(link, model) for link in self._links))
        if all(has is False for has in found):
            raise ModelNotFound
        holders = [link for link, has in zip(self._links, found, strict=True) if has]
        others = [link for link, has in zip(self._links, found, strict=True) if not has]
        return [
            *(Candidate(link, model, at > 0) for at, link in enumerate(holders)),
            *(Candidate(link, None, degraded=True) for link in others),
        ]

    def _problem(self, attempts: dict[str, str]) -> ProblemError:
        """Where one provider has read the request and found fault with it, that is what helps."""
        reasons = set(attempts.values())
        if CONTEXT_EXCEEDED in reasons:
            return ContextExceeded()
        if reasons & REQUESTS_FAULT:
            return InvalidRequest("The language model refuses a request of this form.")
        seconds = min(link.breaker.retry_after_seconds() for link in self._links)
        return NoLanguageModel(attempts, seconds)


async def _has(link: Link, model: str) -> bool | None:
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


async def _models(link: Link) -> list[ModelInfo]:
    try:
        return await link.provider.models()
    except ProviderFailed:
        return []
