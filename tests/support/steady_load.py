"""Callers who ask a service one thing after another while it is changed under them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx


@dataclass
class Caller:
    """`ask` makes one request. What went wrong is kept in words; any answer but a success is wrong."""

    name: str
    ask: Callable[[], httpx.Response]
    pause_seconds: float
    succeeded: int = 0
    failures: list[str] = field(default_factory=list)

    def once(self) -> None:
        try:
            answer = self.ask()
        except httpx.HTTPError as failure:
            self.failures.append(f"{self.name}: {type(failure).__name__} {failure}")
            return
        if answer.is_success:
            self.succeeded += 1
        else:
            self.failures.append(f"{self.name}: {answer.status_code} {answer.text[:300]}")


@contextmanager
def steady_load(*callers: Caller) -> Iterator[None]:
    over = threading.Event()

    def keep_asking(caller: Caller) -> None:
        while not over.wait(caller.pause_seconds):
            caller.once()

    threads = [threading.Thread(target=keep_asking, args=(caller,), daemon=True) for caller in callers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=300)
