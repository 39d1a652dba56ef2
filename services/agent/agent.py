"""The use case: a question goes in, a run of the graph answers it, the thread keeps both. Knows no HTTP."""

import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from services.agent.checkpoint_saver import RedisCheckpointSaver
from services.agent.graph import Graph
from services.agent.metrics import AgentMetrics
from services.agent.problems import NothingToResume, ThreadBusy, ThreadNotFound
from services.agent.run import Run, RunParts
from services.agent.state import AgentState, Exchange, asked
from services.agent.thread_lease import ThreadLeases
from services.common.admission import Admission, Deadline, Place
from services.common.problems import TooManyRequests


@dataclass(frozen=True, slots=True)
class Question:
    """Without a thread a new one is begun."""

    content: str
    thread_id: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """`unanswered`: the question of a run that has not ended; `next_nodes`: where it would go on."""

    thread_id: str
    exchanges: list[Exchange]
    running: bool
    unanswered: tuple[str, float] | None
    next_nodes: tuple[str, ...]


class Agent:
    """For one event loop. Every method raises ThreadsUnavailable when Redis does not answer."""

    def __init__(
        self,
        graph: Graph,
        saver: RedisCheckpointSaver,
        leases: ThreadLeases,
        admission: Admission,
        metrics: AgentMetrics,
        *,
        runs_per_user: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.admission = admission
        self._graph = graph
        self._saver = saver
        self._leases = leases
        self._parts = RunParts(graph, saver, metrics)
        self._runs_per_user = runs_per_user
        self._clock = clock
        self._runs: set[Run] = set()
        self._of_user: Counter[str] = Counter()

    async def ask(self, owner: str, question: Question, deadline: Deadline) -> Run:
        """Raises ThreadNotFound, ThreadBusy, TooManyRequests, Overloaded, DeadlineExceeded."""
        thread_id = question.thread_id or secrets.token_hex(12)
        key = thread_key(owner, thread_id)
        if question.thread_id is not None and not await self._saver.aexists(key):
            raise ThreadNotFound
        given = asked(question.content, question.model, self._clock())
        return await self._begin(owner, thread_id, given, deadline)

    async def resume(self, owner: str, thread_id: str, deadline: Deadline) -> Run:
        """Goes on where the thread's last run stopped. Raises NothingToResume, and as `ask` does."""
        thread = await self.thread(owner, thread_id)
        if not thread.next_nodes:
            raise NothingToResume
        return await self._begin(owner, thread_id, None, deadline)

    async def thread(self, owner: str, thread_id: str) -> Thread:
        """Raises ThreadNotFound, for another user's thread too."""
        key = thread_key(owner, thread_id)
        snapshot = await self._graph.aget_state(_config(key))
        if not snapshot.values:
            raise ThreadNotFound
        values = cast("AgentState", snapshot.values)
        unanswered = (values["question"], values["asked_at"]) if snapshot.next else None
        running = await self._leases.held(key)
        return Thread(thread_id, values["exchanges"], running, unanswered, snapshot.next)

    async def delete(self, owner: str, thread_id: str) -> None:
        """Raises ThreadNotFound, ThreadBusy."""
        key = thread_key(owner, thread_id)
        if not await self._saver.aexists(key):
            raise ThreadNotFound
        if await self._leases.held(key):
            raise ThreadBusy
        await self._saver.adelete_thread(key)

    async def aclose(self) -> None:
        for run in tuple(self._runs):
            await run.stop()

    async def _begin(self, owner: str, thread_id: str, given: AgentState | None, deadline: Deadline) -> Run:
        if self._of_user[owner] >= self._runs_per_user:
            raise TooManyRequests(
                f"You have {self._runs_per_user} runs under way. Wait for one of them.",
                retry_after_seconds=self.admission.retry_after_seconds(),
            )
        self._of_user[owner] += 1
        try:
            place = await self.admission.enter(deadline)
        except BaseException:
            self._left(owner)
            raise
        try:
            lease = await self._leases.take(thread_key(owner, thread_id))
        except BaseException:
            self._left(owner, place)
            raise
        run = Run(self._parts, lease, thread_id, given, deadline, lambda run: self._ended(run, owner, place))
        self._runs.add(run)
        return run

    def _ended(self, run: Run, owner: str, place: Place) -> None:
        self._runs.discard(run)
        self._left(owner, place)

    def _left(self, owner: str, place: Place | None = None) -> None:
        if place is not None:
            place.leave()
        self._of_user[owner] -= 1
        if self._of_user[owner] <= 0:
            del self._of_user[owner]


def thread_key(owner: str, thread_id: str) -> str:
    """The owner is part of the key: another user's thread cannot be found, let alone be told apart."""
    return f"{hashlib.sha256(owner.encode()).hexdigest()[:32]}:{thread_id}"


def _config(key: str) -> Any:
    return {"configurable": {"thread_id": key}}
