"""What is being said, before it is said in full: Vosk where it has a model, else Whisper at its own pace."""

from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from services.common.admission import Deadline
from services.common.problems import ProblemError
from services.voice.engine_host import EngineHost
from services.voice.engines import EngineFailed
from services.voice.transcription.engine import SAMPLE_RATE_HZ, SpeechSpan, Utterance
from services.voice.transcription.engine_selection import Requested
from services.voice.transcription.service import TranscriptionService
from services.voice.transcription.vosk import LiveVosk, VoskEngine

_PATIENCE_SECONDS = 5.0
"""A partial that comes later than this is about something long past."""
_WINDOW_SECONDS = 12.0


class Partials(Protocol):
    """For one utterance."""

    every_seconds: float
    """How much new audio is worth asking again for."""

    async def words(self, utterance: NDArray[np.float32]) -> str | None:
        """Of the utterance so far, all of it at each call; None when there is nothing to be had now."""
        ...


class VoskPartials:
    every_seconds = 0.2

    def __init__(self, host: EngineHost[VoskEngine], language: str) -> None:
        self._host = host
        self._language = language
        self._live: LiveVosk | None = None
        self._told = 0

    async def words(self, utterance: NDArray[np.float32]) -> str | None:
        fresh = utterance[self._told :]
        self._told = len(utterance)
        try:
            return await self._host.run(lambda engine, _: self._accept(engine, fresh), _deadline())
        except (EngineFailed, ProblemError):
            return None

    def _accept(self, engine: VoskEngine, fresh: NDArray[np.float32]) -> str:
        self._live = self._live or engine.live(self._language)
        return self._live.accept(fresh)


class WhisperPartials:
    """The last seconds again and again, but only while nobody else needs the engine."""

    every_seconds = 0.8

    def __init__(self, host: EngineHost[Any], language: str | None) -> None:
        self._host = host
        self._language = language

    async def words(self, utterance: NDArray[np.float32]) -> str | None:
        if self._host.admission.running or self._host.admission.waiting:
            return None
        window = utterance[-int(_WINDOW_SECONDS * SAMPLE_RATE_HZ) :]
        asked = Utterance(window, [SpeechSpan(0, len(window))], self._language)
        try:
            found = await self._host.run(
                lambda engine, cancelled: engine.transcribe(asked, cancelled), _deadline()
            )
        except (EngineFailed, ProblemError):
            return None
        return str(found.text)


def partials_for(service: TranscriptionService, language: str | None) -> Partials | None:
    """None where no engine could give any."""
    vosk, whisper = service.hosts[Requested.VOSK], service.hosts[Requested.WHISPER]
    known = service.language_for(Requested.VOSK, language)
    if known is not None and vosk.engine.availability(known).available:
        return VoskPartials(cast("EngineHost[VoskEngine]", vosk), known)
    if whisper.engine.availability(language).available:
        return WhisperPartials(whisper, language)
    return None


def _deadline() -> Deadline:
    return Deadline.after(_PATIENCE_SECONDS)
