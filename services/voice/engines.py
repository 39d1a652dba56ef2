"""What every speech engine has in common, recogniser and synthesiser alike."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether an engine could serve a request if it were asked now.

    `reason` is a stable word for headers and metrics: `not_installed`, `no_model`,
    `no_credentials`, `unsupported_language`; None when the engine is available.
    """

    available: bool
    reason: str | None = None
    detail: str = ""
    """One sentence for a person: what is missing and how to get it."""


AVAILABLE = Availability(available=True)


class EngineFailed(Exception):
    """An engine was asked and did not deliver. `reason` is a stable word, for headers and metrics."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


class Engine(Protocol):
    """The part of an engine that the host needs. Every method may block; none is called on the loop."""

    @property
    def name(self) -> str:
        """Stable lower-case word: `vosk`, `whisper`, `kokoro`."""
        ...

    @property
    def model(self) -> str | None:
        """Identifier of the model in use or to be loaded; None when there is none."""
        ...

    @property
    def installed(self) -> bool:
        """Whether the engine's package can be imported; found without importing it."""
        ...

    def load(self) -> None:
        """Loads the model into memory. Idempotent. Raises EngineFailed."""
        ...

    def close(self) -> None:
        """Frees the model. Idempotent."""
        ...
