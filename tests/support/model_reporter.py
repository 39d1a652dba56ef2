"""A reporter that keeps what a pull says."""

from collections.abc import Iterator
from contextlib import contextmanager


class KeptTransfer:
    def __init__(self) -> None:
        self.positions: list[tuple[int, int | None]] = []

    def at(self, done_bytes: int, total_bytes: int | None) -> None:
        self.positions.append((done_bytes, total_bytes))


class KeepingReporter:
    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.transfers: dict[str, KeptTransfer] = {}

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)

    @contextmanager
    def transfer(self, label: str) -> Iterator[KeptTransfer]:
        yield self.transfers.setdefault(label, KeptTransfer())
