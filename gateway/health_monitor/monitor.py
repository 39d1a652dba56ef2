"""Checks every target in a loop of its own, so that one that hangs delays no other. The use case."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from gateway.health_monitor.checks import Check, check
from gateway.health_monitor.records import Record, RecordStore, StoreUnavailable
from gateway.health_monitor.targets import Target
from services.common import telemetry
from services.common.circuit_breaker import BreakerState

_log = telemetry.get_logger()
_SETTLING_SECONDS = 1.0
"""What was not yet found well is looked at so often, until its breaker opens: it may still be starting."""


@dataclass(frozen=True, slots=True)
class Row:
    """A target as it stands. `next_check_at`: seconds since the epoch."""

    target: Target
    record: Record
    next_check_at: float | None


class Monitor:
    """`shared` is where the records are kept; while it cannot be reached, `local` stands in for it."""

    def __init__(
        self,
        targets: Sequence[Target],
        client: httpx.AsyncClient,
        *,
        local: RecordStore,
        shared: RecordStore | None = None,
        interval_seconds: float = 30.0,
        timeout_seconds: float = 2.0,
        on_check: Callable[[Target, Check], None] = lambda _target, _check: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.targets = tuple(targets)
        self._client = client
        self._local = local
        self._shared = shared
        self._interval_seconds = interval_seconds
        self._timeout_seconds = timeout_seconds
        self._on_check = on_check
        self._now = now
        self._rows = {target.key: Row(target, Record(), None) for target in self.targets}
        self._changed = asyncio.Condition()
        self._version = 0
        self._settled: set[str] = set()
        self.store_reachable = shared is not None

    @property
    def is_shared(self) -> bool:
        """Whether the records are those of all monitors, and not of this one alone."""
        return self._shared is not None and self.store_reachable

    @property
    def complete(self) -> bool:
        """Whether every target has been checked at least once."""
        return all(row.record.known for row in self._rows.values())

    def rows(self) -> list[Row]:
        return [self._rows[target.key] for target in self.targets]

    async def check_all(self) -> list[Row]:
        """One check of every target that may be checked now, all at the same time."""
        await asyncio.gather(*(self._check(target) for target in self.targets))
        return self.rows()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watches for as long as the block lasts."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._watch(target)) for target in self.targets]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def changes(self) -> AsyncIterator[list[Row]]:
        """The rows now, and again after every change."""
        seen = -1
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._version != seen)  # noqa: B023 - read at once
                seen = self._version
            yield self.rows()

    async def _watch(self, target: Target) -> None:
        while True:
            row = await self._check(target)
            await asyncio.sleep(max(0.05, (row.next_check_at or 0) - self._now()))

    async def _check(self, target: Target) -> Row:
        try:
            if self._shared is not None:
                record = await self._check_with(self._shared, target)
                self._store_answers(True)
                return await self._note(target, record)
        except StoreUnavailable:
            self._store_answers(False)
        return await self._note(target, await self._check_with(self._local, target))

    async def _check_with(self, store: RecordStore, target: Target) -> Record:
        leave = await store.begin(target)
        if leave is None:
            return await store.read(target)
        found = await check(self._client, target, self._timeout_seconds)
        self._on_check(target, found)
        return await store.report(target, leave, found)

    def _store_answers(self, reachable: bool) -> None:
        if reachable is not self.store_reachable:
            _log.warning("shared_store", reachable=reachable)
        self.store_reachable = reachable

    async def _note(self, target: Target, record: Record) -> Row:
        before = self._rows[target.key].record
        if record.error is None:
            self._settled.add(target.key)
        row = Row(target, record, self._next_check_at(target, record))
        self._rows[target.key] = row
        if before.known and before.state is not record.state:
            _log.warning("breaker", target=target.key, state=record.state, error=record.error)
        async with self._changed:
            self._version += 1
            self._changed.notify_all()
        return row

    def _next_check_at(self, target: Target, record: Record) -> float:
        """At the interval; sooner where a breaker allows its probe before that, or at the start."""
        settling = target.key not in self._settled and record.state is BreakerState.CLOSED
        pause = min(_SETTLING_SECONDS, self._interval_seconds) if settling else self._interval_seconds
        regular = self._now() + pause
        return regular if record.retry_at is None else min(regular, max(record.retry_at, self._now()))
