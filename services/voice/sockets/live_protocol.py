"""What the two message formats of live recognition have in common: a listener, made when it is known how."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.common.problems import InvalidRequest
from services.voice.listening.listener import Listener, ListenerEvent, ListeningParts
from services.voice.listening.pcm_input import MAX_RATE_HZ, MIN_RATE_HZ
from services.voice.listening.turn_taking import TurnRules
from services.voice.transcription.service import TranscriptionOptions

DEFAULT_RATE_HZ = 16_000


class AudioConfig(BaseModel):
    """Unknown fields are ignored, a model's path among them."""

    model_config = ConfigDict(extra="ignore")

    sample_rate: int = Field(default=DEFAULT_RATE_HZ, ge=MIN_RATE_HZ, le=MAX_RATE_HZ)
    """Hz."""


class LiveProtocol(ABC):
    def __init__(
        self, parts: ListeningParts, rules: TurnRules, tell: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self.tell = tell
        self._parts = parts
        self._rules = rules
        self.listener: Listener | None = None

    @abstractmethod
    async def take(self, message: Mapping[str, Any]) -> None:
        """Raises Finished, InvalidRequest."""

    @abstractmethod
    async def take_audio(self, pcm: bytes) -> None: ...

    @abstractmethod
    def on(self, event: ListenerEvent) -> None: ...

    async def aclose(self) -> None:
        if self.listener is not None:
            await self.listener.aclose()

    def listen(self, rate_hz: int, options: TranscriptionOptions, *, wants_partials: bool) -> Listener:
        self.listener = Listener(
            self._parts,
            rate_hz=rate_hz,
            rules=self._rules,
            options=options,
            wants_partials=wants_partials,
            tell=self.on,
        )
        return self.listener


def config_of(kind: type["AudioConfig"], raw: object) -> Any:
    """Raises InvalidRequest, naming the fields that were refused."""
    try:
        return kind.model_validate(raw)
    except ValidationError as exc:
        errors = [
            {"field": ".".join(map(str, item["loc"])) or "config", "message": item["msg"]}
            for item in exc.errors(include_input=False, include_url=False)
        ]
        raise InvalidRequest("The message is none of this protocol's.", errors=errors) from None
