"""One run of the graph: a task that writes events, and whoever reads them. It ends when its reader leaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver

from services.agent.events import NodeEvent, RunEvent, RunFailed, RunFinished, RunStarted
from services.agent.graph import Graph
from services.agent.metrics import AgentMetrics
from services.agent.problems import RunInterrupted, ThreadBusy, ThreadsUnavailable
from services.agent.state import AgentState, Exchange, RunContext
from services.agent.thread_lease import ThreadLease
from services.common import telemetry
from services.common.admission import Deadline
from services.common.problem_handlers import from_unexpected
from services.common.problems import DeadlineExceeded, ProblemError

_log = telemetry.get_logger()


@dataclass(frozen=True, slots=True)
class RunParts:
    graph: Graph
    saver: BaseCheckpointSaver[Any]
    metrics: AgentMetrics


class Run:
    """`given` None: it goes on where the thread's last run stopped. `ended` is called once, at the end."""

    def __init__(
        self,
        parts: RunParts,
        lease: ThreadLease,
        thread_id: str,
        given: AgentState | None,
        deadline: Deadline,
        ended: Callable[["Run"], None],
    ) -> None:
        self.thread_id = thread_id
        self._parts = parts
        self._lease = lease
        self._given = given
        self._deadline = deadline
        self._ended = ended
        self._events: asyncio.Queue[RunEvent] = asyncio.Queue()
        self._task = asyncio.create_task(self._execute())

    async def events(self) -> AsyncIterator[RunEvent]:
        """Up to RunFinished or RunFailed. A reader that leaves before that ends the run at once."""
        try:
            while True:
                event = await self._events.get()
                yield event
                if isinstance(event, RunFinished | RunFailed):
                    return
        finally:
            await self.stop()

    async def stop(self) -> None:
        """What the graph has written down by now is kept, and can be resumed."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _execute(self) -> None:
        self._events.put_nowait(RunStarted(self.thread_id, resumed=self._given is None))
        outcome, revisions = "left", 0
        try:
            exchange = await self._holding_the_thread()
            outcome, revisions = "answered", exchange["revisions"]
            last: RunEvent = RunFinished(self.thread_id, exchange)
        except Exception as exc:
            outcome = "failed"
            last = RunFailed(self.thread_id, _told(exc))
        except asyncio.CancelledError:
            self._events.put_nowait(RunFailed(self.thread_id, RunInterrupted()))
            raise
        finally:
            self._parts.metrics.run_ended(outcome, revisions)
            await asyncio.shield(self._leave())
        self._events.put_nowait(last)

    async def _holding_the_thread(self) -> Exchange:
        """Gives the run up when another process may have the thread by now."""
        work = asyncio.create_task(self._in_time())
        keeper = asyncio.create_task(self._lease.keep())
        try:
            await asyncio.wait({work, keeper}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise ThreadBusy
        finally:
            for task in (work, keeper):
                task.cancel()
            await asyncio.gather(work, keeper, return_exceptions=True)

    async def _in_time(self) -> Exchange:
        try:
            async with asyncio.timeout(self._deadline.remaining_seconds):
                return await self._through_the_graph()
        except TimeoutError:
            raise DeadlineExceeded(
                "The deadline passed before there was an answer. The run can be resumed.",
                thread_id=self.thread_id,
            ) from None

    async def _through_the_graph(self) -> Exchange:
        """Every step is written down before the next one begins."""
        config: Any = {"configurable": {"thread_id": self._lease.key}}
        context = RunContext(self._deadline)
        answered: Exchange | None = None
        stream = self._parts.graph.astream(
            self._given, config, context=context, stream_mode=["custom", "updates"], durability="sync"
        )
        async for mode, chunk in stream:
            if mode == "custom":
                self._events.put_nowait(cast("NodeEvent", chunk))
            elif isinstance(chunk, dict) and "answer" in chunk:
                answered = chunk["answer"]["exchanges"][-1]
        if answered is None:
            raise RuntimeError("the graph ended without an answer")
        await self._forget_the_steps()
        return answered

    async def _forget_the_steps(self) -> None:
        """The newest checkpoint is all that the next run needs. Left for the next one if Redis is away."""
        with contextlib.suppress(ThreadsUnavailable):
            await self._parts.saver.aprune([self._lease.key])

    async def _leave(self) -> None:
        await self._lease.release()
        self._ended(self)


def _told(error: Exception) -> ProblemError:
    return error if isinstance(error, ProblemError) else from_unexpected(error)
