"""The use case of OpenAI's dialect: a conversation that its client keeps goes in, its answer comes out.

Nothing is stored. It has its place among the user's replies, and its turn among everybody's.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from services.chat.metrics import ChatMetrics
from services.chat.problems import StoreUnavailable
from services.chat.store.seam import ConversationStore
from services.common.admission import Admission, Deadline
from services.common.language_models.answering import AnswerChain, AnswerEvent
from services.common.language_models.provider import Delta, Finished, Message, Sampling, Started
from services.common.problems import Overloaded


@dataclass(frozen=True, slots=True)
class Completion:
    """What is to be completed. `model` None: the house's choice."""

    messages: Sequence[Message]
    model: str | None
    sampling: Sampling


class Relay:
    def __init__(
        self,
        store: ConversationStore,
        chain: AnswerChain,
        admission: Admission,
        metrics: ChatMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._chain = chain
        self._admission = admission
        self._metrics = metrics
        self._clock = clock
        self._parting: set[asyncio.Task[None]] = set()
        self._asking: Counter[str] = Counter()
        """How many answers each user is waiting for, of this process."""

    async def answer(
        self, owner: str, asked: Completion, deadline: Deadline
    ) -> AsyncGenerator[AnswerEvent, None]:
        """As the chain's events; closing it ends the model's work. The messages are sent as they are.

        A user's only request here asks the model while the store is asked for a place: to wait for the one
        before the other would cost a millisecond, and a model that is asked in vain has hardly begun.

        Raises Overloaded, TooManyRequests, StoreUnavailable, and what the chain does.
        """
        if self._admission.full:
            seconds = self._admission.retry_after_seconds()
            raise Overloaded("Every model is busy. Try again in a moment.", retry_after_seconds=seconds)
        place = _Place(self._store, owner, secrets.token_hex(12), deadline)
        at_once = self._admission.free and not self._asking[owner]
        self._asking[owner] += 1
        try:
            if not at_once:
                await place.occupy()
            async with self._admission.slot(deadline):
                stream = self._chain.stream(
                    asked.messages, model=asked.model, deadline=deadline, sampling=asked.sampling, refit=False
                )
                measured = self._measured(stream)
                async with aclosing(_while_occupying(place, measured) if at_once else measured) as events:
                    async for event in events:
                        yield event
        finally:
            self._asking -= Counter([owner])
            self._part(place.vacate())

    async def aclose(self) -> None:
        await asyncio.gather(*self._parting)

    async def _measured(self, events: AsyncGenerator[AnswerEvent, None]) -> AsyncGenerator[AnswerEvent, None]:
        provider, outcome = "none", "failed"
        asked_at, first_at = self._clock(), None
        try:
            async with aclosing(events):
                async for event in events:
                    match event:
                        case Started():
                            provider = event.provider
                        case Delta() if first_at is None:
                            first_at = self._clock()
                            self._metrics.first_token(provider, first_at - asked_at)
                        case Finished():
                            outcome = "complete"
                            seconds = self._clock() - (first_at or asked_at)
                            self._metrics.pace(provider, event.usage.completion_tokens, seconds)
                    yield event
        except (asyncio.CancelledError, GeneratorExit):
            outcome = outcome if outcome == "complete" else "cancelled"
            raise
        finally:
            self._metrics.ended(provider, outcome)

    def _part(self, farewell: Coroutine[Any, Any, None]) -> None:
        """In a task of its own: whoever goes may have been cancelled, and could not wait."""
        task = asyncio.create_task(farewell)
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)


class _Place:
    """One of the answers that a user may be given at the same time, whichever replica gives it."""

    def __init__(self, store: ConversationStore, owner: str, name: str, deadline: Deadline) -> None:
        self._store = store
        self._owner = owner
        self._name = name
        self._deadline = deadline

    async def occupy(self) -> None:
        """Raises TooManyRequests, StoreUnavailable."""
        await self._store.occupy(self._owner, self._name, self._deadline.remaining_seconds)

    async def vacate(self) -> None:
        with suppress(StoreUnavailable):  # then the place is free when its time is over
            await self._store.vacate(self._owner, self._name)


async def _while_occupying(
    place: _Place, events: AsyncGenerator[AnswerEvent, None]
) -> AsyncGenerator[AnswerEvent, None]:
    """The events, of which the first is waited for together with the place. Raises what either does."""

    async def first() -> AnswerEvent:
        return await anext(events)

    async with aclosing(events):
        begun = asyncio.create_task(first())
        try:
            await place.occupy()
            yield await begun
        finally:
            begun.cancel()
            await asyncio.gather(begun, return_exceptions=True)
        async for event in events:
            yield event
