"""Speaks a phrase and hears it back: the one check that a user would recognise as "it works".

Run in the background and answered from memory, so that a health check never waits for an engine.
"""

import asyncio
import io
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from services.common import telemetry
from services.common.admission import Deadline
from services.common.problems import ProblemError
from services.voice.synthesis.encoding import AudioFormat
from services.voice.synthesis.service import SynthesisOptions, SynthesisService
from services.voice.transcription.hearing import Ear
from services.voice.transcription.service import TranscriptionOptions, TranscriptionService

_log = telemetry.get_logger()
PHRASE = "The quick brown fox jumps over the lazy dog."
_MIN_WORDS_SHARED = 0.5
"""Half of the words: the canary asks whether the chain works, not how well the model hears."""


@dataclass(frozen=True, slots=True)
class CanaryResult:
    status: Literal["unknown", "passing", "failing"]
    detail: str
    spoken_by: str | None = None
    heard_by: str | None = None
    synthesis_seconds: float | None = None
    transcription_seconds: float | None = None
    words_heard: float | None = None
    """Share of the phrase's words that came back, 0 to 1."""
    at: float | None = None
    """Of the clock that the canary was built with."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Canary:
    def __init__(
        self,
        synthesis: SynthesisService,
        transcription: TranscriptionService,
        ear: Ear,
        *,
        max_age_seconds: float,
        deadline_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._synthesis = synthesis
        self._transcription = transcription
        self._ear = ear
        self._max_age_seconds = max_age_seconds
        self._deadline_seconds = deadline_seconds
        self._clock = clock
        self._result = CanaryResult("unknown", "The canary has not sung yet.")
        self._running: asyncio.Task[CanaryResult] | None = None

    async def latest(self) -> CanaryResult:
        """From memory, at once. One that is too old has a new one run behind it."""
        if self._result.at is None or self._clock() - self._result.at > self._max_age_seconds:
            self._start()
        return self._result

    async def run(self) -> CanaryResult:
        """A new one; those who ask meanwhile share it."""
        return await asyncio.shield(self._start())

    async def aclose(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def _start(self) -> "asyncio.Task[CanaryResult]":
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._sing())
        return self._running

    async def _sing(self) -> CanaryResult:
        try:
            self._result = await self._round_trip(Deadline.after(self._deadline_seconds))
        except ProblemError as problem:
            self._result = CanaryResult("failing", problem.detail, at=self._clock())
        _log.info("canary_done", status=self._result.status, words_heard=self._result.words_heard)
        return self._result

    async def _round_trip(self, deadline: Deadline) -> CanaryResult:
        started = time.perf_counter()
        options = SynthesisOptions(format=AudioFormat.WAV, allow_simulated=False)
        spoken = await self._synthesis.speak(PHRASE, options, deadline)
        synthesis_seconds = time.perf_counter() - started
        heard = await self._ear.hear(io.BytesIO(spoken.audio), len(spoken.audio), deadline)
        result = await self._transcription.transcribe(
            heard.samples, heard.speech, TranscriptionOptions(language="en"), deadline
        )
        share = _shared_words(PHRASE, result.text)
        passing = share >= _MIN_WORDS_SHARED
        return CanaryResult(
            "passing" if passing else "failing",
            "It spoke and understood itself." if passing else "It spoke, but did not understand itself.",
            spoken_by=spoken.report.engine,
            heard_by=result.engine,
            synthesis_seconds=round(synthesis_seconds, 3),
            transcription_seconds=round(result.processing_seconds, 3),
            words_heard=round(share, 2),
            at=self._clock(),
        )


def _shared_words(said: str, heard: str) -> float:
    expected, found = (set(text.lower().replace(".", "").split()) for text in (said, heard))
    return len(expected & found) / len(expected)
