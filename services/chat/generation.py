"""Has one reply written by the model chain, and kept, whether or not anybody is still listening.

However it ends, it ends once: in the history, or as a failure that leaves its message unanswered.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from services.chat.feeds import ReplyFeed
from services.chat.metrics import ChatMetrics
from services.chat.patience import patiently
from services.chat.problems import ReplyInterrupted, StoreUnavailable, problem_facts
from services.chat.prompting import dialogue
from services.chat.reply_writer import CancelRequested, ReplyWriter
from services.chat.store.records import Completed, Ending, Failed, Lease, ReplyFacts, Turn
from services.chat.store.seam import ConversationStore, LeaseLost
from services.common import telemetry
from services.common.admission import Admission, Deadline
from services.common.language_models.answering import AnswerChain
from services.common.language_models.provider import Delta, Finished, Message, Restarted, Started
from services.common.problems import ProblemError, ServiceUnavailable

_log = telemetry.get_logger()
_NOBODY_YET = ReplyFacts(
    "none", "none", degraded=False, finish_reason="", prompt_tokens=0, completion_tokens=0
)


@dataclass(frozen=True, slots=True)
class GenerationRules:
    """`store_patience_seconds`: how long the store may be away in mid-reply before the reply is given up."""

    system_prompt: str
    deadline_seconds: float
    heartbeat_seconds: float
    store_patience_seconds: float
    lease_seconds: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a reply is to be written. `model` None: the chain's; `instructions` None: the house's."""

    model: str | None = None
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class GenerationParts:
    """What every generation works with."""

    store: ConversationStore
    chain: AnswerChain
    admission: Admission
    rules: GenerationRules
    metrics: ChatMetrics
    clock: Callable[[], float] = time.monotonic


class Generation:
    def __init__(self, turn: Turn, lease: Lease, wanted: Wanted, parts: GenerationParts) -> None:
        self.feed = ReplyFeed(turn.owner, turn.reply_id)
        self._turn = turn
        self._lease = lease
        self._wanted = wanted
        self._parts = parts
        self._writer = ReplyWriter(
            parts.store,
            lease,
            self.feed,
            heartbeat_seconds=parts.rules.heartbeat_seconds,
            patience_seconds=parts.rules.store_patience_seconds,
            clock=parts.clock,
        )
        self._facts = _NOBODY_YET
        self._started_at = parts.clock()
        self._first_token_at: float | None = None

    def wake(self) -> None:
        """A cancellation was left in the store: look at once."""
        self._writer.wake()

    async def run(self) -> None:
        """To the reply's end; raises nothing but cancellation, which fails the reply too."""
        try:
            await self._complete(await self._answered())
        except LeaseLost:
            self._end(Failed(self._next_seq, problem_facts(ReplyInterrupted())), "failed")
        except ProblemError as problem:
            await self._fail(problem)
        except asyncio.CancelledError:
            await self._fail(ReplyInterrupted())
            raise
        except Exception as exc:
            _log.error("generation_failed", error_type=type(exc).__name__, exc_info=exc)
            await self._fail(ServiceUnavailable("Something failed on our side. Send the message again."))

    async def _answered(self) -> ReplyFacts:
        """The model writes on one side, the store is kept up on the other; the end of either ends both."""
        asking = asyncio.create_task(self._ask())
        keeping = asyncio.create_task(self._writer.keep())
        try:
            await asyncio.wait({asking, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()  # it ends before it is told to only by raising
            self._writer.close()
            await keeping
            return asking.result()
        except CancelRequested:
            return await self._cut(asking)
        finally:
            asking.cancel()
            keeping.cancel()
            await asyncio.gather(asking, keeping, return_exceptions=True)

    async def _cut(self, asking: "asyncio.Task[ReplyFacts]") -> ReplyFacts:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        self._writer.close()
        await self._writer.keep()
        return replace(self._facts, finish_reason="cancelled", completion_tokens=self._writer.deltas)

    async def _ask(self) -> ReplyFacts:
        deadline = Deadline.after(self._parts.rules.deadline_seconds, self._parts.clock)
        finished = None
        async with self._parts.admission.slot(deadline):
            prompt = await self._prompt()
            async for event in self._parts.chain.stream(prompt, model=self._wanted.model, deadline=deadline):
                match event:
                    case Delta(content):
                        self._take(content)
                    case Started(provider, model, degraded):
                        self._facts = replace(_NOBODY_YET, provider=provider, model=model, degraded=degraded)
                    case Restarted():
                        self._writer.reset()
                    case Finished():
                        finished = event
        if finished is None:
            raise ServiceUnavailable("The model stopped in the middle of its reply. Send the message again.")
        return self._finished(finished)

    async def _prompt(self) -> list[Message]:
        turn = self._turn
        instructions = self._wanted.instructions or self._parts.rules.system_prompt
        system = Message("system", instructions) if instructions else None
        shown = dialogue(turn.history, turn.content)
        return await self._parts.chain.fit(system, shown, model=self._wanted.model)

    def _take(self, content: str) -> None:
        if not content:
            return
        self._writer.delta(content)
        if self._first_token_at is None:
            self._first_token_at = self._parts.clock()
            self._parts.metrics.first_token(self._facts.provider, self._first_token_at - self._started_at)

    def _finished(self, event: Finished) -> ReplyFacts:
        usage = event.usage
        if self._first_token_at is not None:
            seconds = self._parts.clock() - self._first_token_at
            self._parts.metrics.pace(self._facts.provider, usage.completion_tokens, seconds)
        return replace(
            self._facts,
            finish_reason=event.finish_reason,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
        )

    async def _complete(self, facts: ReplyFacts) -> None:
        """Tells the readers only once the store has the whole of it."""
        parts, content = self._parts, self._writer.content
        created_at = await patiently(
            lambda: parts.store.complete(self._lease, content, facts),
            parts.rules.store_patience_seconds,
            parts.clock,
        )
        outcome = "cancelled" if facts.finish_reason == "cancelled" else "complete"
        self._end(Completed(self._next_seq, facts, created_at), outcome)

    async def _fail(self, problem: ProblemError) -> None:
        """Tells the store first, so that a retry finds the message free; readers at once where it is away."""
        facts = problem_facts(problem)
        away = False
        try:
            await self._parts.store.fail(self._lease, facts)
        except StoreUnavailable:
            away = True
        finally:
            self._end(Failed(self._next_seq, facts), "failed")  # whatever the store says: readers wait for it
        if away:
            await self._fail_later(facts)

    async def _fail_later(self, facts: dict[str, object]) -> None:
        """Until the lease has run out: from then on everybody sees by themselves that the reply failed."""
        parts = self._parts
        with contextlib.suppress(StoreUnavailable):
            await patiently(
                lambda: parts.store.fail(self._lease, facts), parts.rules.lease_seconds, parts.clock
            )

    def _end(self, ending: Ending, outcome: str) -> None:
        self.feed.publish(ending)
        self._parts.metrics.ended(self._facts.provider, outcome)

    @property
    def _next_seq(self) -> int:
        return self.feed.last_seq + 1
