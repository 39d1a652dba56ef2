"""Engines that a test plays by hand: they do as they are told, when they are told."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

WAIT_SECONDS = 10.0
"""Only ever reached when a test fails."""


@dataclass
class PuppetEngine:
    """The host's part of an engine. `loading` runs at load; `loads` and `closes` count."""

    name: str = "puppet"
    model: str | None = "strings"
    installed: bool = True
    loading: Callable[[], object] = lambda: None
    loads: int = 0
    closes: int = 0

    def load(self) -> None:
        self.loads += 1
        self.loading()

    def close(self) -> None:
        self.closes += 1


@dataclass
class Gate:
    """A call that says when it has begun and goes on when it is let."""

    begun: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> str:
        self.begun.set()
        if not self.opened.wait(WAIT_SECONDS):
            raise AssertionError("nobody opened the gate")
        return "through"
