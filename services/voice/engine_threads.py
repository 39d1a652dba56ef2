"""Daemon threads of one engine, niced below the event loop, replaceable when a call hangs.

`concurrent.futures.ThreadPoolExecutor` cannot do this: a hung call keeps its worker for ever and holds up
the interpreter's exit. Used by engine_host.py.
"""

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, Generic, TypeVar

R = TypeVar("R")
_Job = tuple[Callable[[], Any], "Task[Any]"]

STUCK_MAX = 4
"""Abandoned threads an engine may have before it is refused further work."""


class StuckThreads(Exception):
    """As many threads hang as are allowed to, or the system gives no more."""


class CallBroke(Exception):
    """A call raised what no future may carry (SystemExit, StopIteration, a cancellation of its own)."""


class Task(Generic[R]):
    """One submitted call; `future` ends with it."""

    def __init__(self, threads: "EngineThreads") -> None:
        self.future: Future[R] = Future()
        self._threads = threads
        self.running = False
        self.abandoned = False

    def abandon(self) -> None:
        """The call will not be waited for any more. A thread that still runs it gets a replacement."""
        self._threads._on_abandon(self)


class EngineThreads:
    """`workers` threads at most, not counting those that hang in abandoned calls."""

    def __init__(self, name: str, *, workers: int, nice: int = 0) -> None:
        self._name = name
        self._nice = nice
        self._workers = workers
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._running = 0
        self._queued = 0
        self.stuck = 0
        """Threads in an abandoned call. One that returns after all is no longer counted."""

    def submit(self, call: Callable[[], R]) -> "Task[R]":
        """Raises StuckThreads."""
        task: Task[R] = Task(self)
        with self._lock:
            if self.stuck >= STUCK_MAX:
                raise StuckThreads(self._name)
            self._queued += 1
            self._jobs.put((call, task))
            try:
                self._start_threads()
            except RuntimeError as exc:  # the system's limit of threads: whoever takes the job drops it
                task.future.cancel()
                raise StuckThreads(self._name) from exc
        return task

    def close(self) -> None:
        with self._lock:
            for _ in range(self._threads):
                self._jobs.put(None)

    def _start_threads(self) -> None:
        while self._queued > self._threads - self._running and self._threads - self.stuck < self._workers:
            threading.Thread(target=self._work, name=f"{self._name}-engine", daemon=True).start()
            self._threads += 1

    def _work(self) -> None:
        lower_thread_priority(self._nice)
        while (job := self._jobs.get()) is not None:
            call, task = job
            self._run(call, task)
            del job, call, task  # an idle thread must not keep the last request's audio alive
            if self._surplus():
                return
        with self._lock:
            self._threads -= 1

    def _surplus(self) -> bool:
        """Whether this thread was replaced while it hung; it ends then."""
        with self._lock:
            surplus = self._threads - self.stuck > self._workers
            self._threads -= surplus
            return surplus

    def _run(self, call: Callable[[], Any], task: "Task[Any]") -> None:
        if not self._begin(task):
            return
        try:
            result = call()
        except BaseException as exc:  # the future carries it to whoever waits
            self._end(task)
            task.future.set_exception(_carriable(exc))
        else:
            self._end(task)
            task.future.set_result(result)

    def _begin(self, task: "Task[Any]") -> bool:
        """False when nobody waits for it any more."""
        with self._lock:
            self._queued -= 1
            task.running = task.future.set_running_or_notify_cancel()
            self._running += task.running
            return task.running

    def _end(self, task: "Task[Any]") -> None:
        with self._lock:
            self._running -= 1
            task.running = False
            self.stuck -= task.abandoned

    def _on_abandon(self, task: "Task[Any]") -> None:
        with self._lock:
            if task.running and not task.abandoned:
                task.abandoned = True
                self.stuck += 1
                with contextlib.suppress(RuntimeError):  # the next submit tries again
                    self._start_threads()
            elif not task.running:
                task.future.cancel()  # under the lock: a thread must not begin it meanwhile


def _carriable(exc: BaseException) -> BaseException:
    """SystemExit would end the loop, asyncio refuses StopIteration, a cancellation would pass for its own."""
    if isinstance(exc, Exception) and not isinstance(exc, StopIteration | CancelledError):
        return exc
    broke = CallBroke(type(exc).__name__)
    broke.__cause__ = exc
    return broke


def lower_thread_priority(increment: int = 5) -> None:
    """Linux gives each thread its own niceness, so that the loop answers while engines are at work."""
    if sys.platform == "linux" and increment:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), increment)
