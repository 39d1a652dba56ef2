"""Stops a blocking call from outside when its client has gone away. Used by the adapters."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_POLL_SECONDS = 0.05


@contextmanager
def stopped_by(cancelled: threading.Event, stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop`, once, from another thread, if `cancelled` is set while the block runs."""
    left = threading.Event()
    ended = threading.Lock()

    def watch() -> None:
        while not left.wait(_POLL_SECONDS):
            if cancelled.is_set():
                with ended:
                    if not left.is_set():
                        stop()
                return

    threading.Thread(target=watch, name="interruption", daemon=True).start()
    try:
        yield
    finally:
        with ended:
            left.set()
