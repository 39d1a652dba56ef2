"""Transcribes an utterance: is there speech, which engine, what if it fails. The use case.

Takes decoded audio and options, never an HTTP object: the live recogniser and the job worker call it too.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from services.common import telemetry
from services.common.admission import Deadline
from services.voice.engine_host import EngineHost
from services.voice.engines import Availability, EngineFailed
from services.voice.problems import NoEngine
from services.voice.transcription.engine import (
    SAMPLE_RATE_HZ,
    Segment,
    SpeechSpan,
    Transcript,
    TranscriptionEngine,
    Utterance,
)
from services.voice.transcription.engine_selection import Requested, Routing, Selection, select
from services.voice.transcription.metrics import TranscriptionMetrics

_log = telemetry.get_logger()
SpeechFinder = Callable[[NDArray[np.float32]], "list[SpeechSpan]"]


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """`language`: BCP 47 primary subtag; None detects it."""

    language: str | None = None
    engine: Requested = Requested.AUTO
    word_timestamps: bool = False
    prompt: str = ""
    temperature: float = 0.0
    translate: bool = False
    """Into English; ask for Whisper with it."""
    routed_seconds: float | None = None
    """The length by which to route, where this is a part of longer audio; None: its own."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One engine's part in an answer: "ok", or the word for why it did not serve."""

    engine: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Transcription:
    """What a client is told. `engine` is None when there was no speech and so no engine was asked."""

    text: str
    language: str | None
    duration_seconds: float
    engine: str | None
    model: str | None
    confidence: float | None
    routing: Routing
    segments: Sequence[Segment]
    processing_seconds: float
    degraded: bool
    attempts: Sequence[Attempt]
    notes: Sequence[str] = ()

    @property
    def real_time_factor(self) -> float:
        return self.processing_seconds / self.duration_seconds if self.duration_seconds else 0.0


@dataclass(slots=True)
class _Course:
    """What happened so far in one transcription."""

    started: float
    routing: Routing
    attempts: list[Attempt] = field(default_factory=list)
    failed: bool = False


class TranscriptionService:
    """`hosts`: "vosk" and "whisper"."""

    def __init__(
        self,
        hosts: Mapping[str, EngineHost[TranscriptionEngine]],
        *,
        threshold_seconds: float,
        min_confidence: float,
        default_language: str | None,
        metrics: TranscriptionMetrics,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.hosts = hosts
        self._threshold_seconds = threshold_seconds
        self._min_confidence = min_confidence
        self._default_language = default_language
        self._metrics = metrics
        self._clock = clock

    async def transcribe(
        self,
        samples: NDArray[np.float32],
        speech: Sequence[SpeechSpan],
        options: TranscriptionOptions,
        deadline: Deadline,
    ) -> Transcription:
        """`samples`: mono float32 at 16 kHz; `speech`: where somebody speaks in it.

        Raises NoEngine, Overloaded, DeadlineExceeded.
        """
        duration_seconds = len(samples) / SAMPLE_RATE_HZ
        selection = self._select(options.routed_seconds or duration_seconds, options)
        course = _Course(self._clock(), selection.routing, _left_out(selection))
        self._metrics.routed(selection.routing.rule, duration_seconds)
        if not speech:
            return self._nothing_said(duration_seconds, course)
        utterance = _utterance(samples, speech, options)
        name, transcript = await self._ask_in_order(
            utterance, selection.candidates, course, deadline, options
        )
        return self._answer(utterance, name, transcript, course)

    def _select(self, duration_seconds: float, options: TranscriptionOptions) -> Selection:
        availability = {name: self._availability(name, options.language) for name in self.hosts}
        return select(
            duration_seconds,
            requested=options.engine,
            threshold_seconds=self._threshold_seconds,
            availability=availability,
        )

    def _availability(self, name: str, language: str | None) -> Availability:
        return self.hosts[name].engine.availability(self.language_for(name, language))

    def language_for(self, name: str, language: str | None) -> str | None:
        """Vosk cannot detect a language: "auto" is the house's default language to it, if there is one."""
        return language or (self._default_language if name == Requested.VOSK else None)

    async def _ask_in_order(
        self,
        utterance: Utterance,
        candidates: Sequence[str],
        course: _Course,
        deadline: Deadline,
        options: TranscriptionOptions,
    ) -> tuple[str, Transcript]:
        unsure: tuple[str, Transcript] | None = None
        for name in candidates:
            transcript = await self._ask(name, utterance, course, deadline)
            if transcript is None:
                continue
            if unsure is None and self._should_escalate(name, transcript, candidates, options):
                unsure = (name, transcript)
                course.attempts[-1] = Attempt(name, "low_confidence")
                course.routing = _escalated(course.routing, name, transcript)
                continue
            return name, transcript
        if unsure is not None:  # the second opinion could not be had
            return unsure
        raise NoEngine(
            "No recogniser could take this. The attempts say why.",
            attempts=[{"engine": attempt.engine, "outcome": attempt.outcome} for attempt in course.attempts],
        )

    async def _ask(
        self, name: str, utterance: Utterance, course: _Course, deadline: Deadline
    ) -> Transcript | None:
        host = self.hosts[name]
        asked = replace(utterance, language=self.language_for(name, utterance.language))
        started = self._clock()
        try:
            transcript = await host.run(
                lambda engine, cancelled: engine.transcribe(asked, cancelled), deadline
            )
        except EngineFailed as exc:
            course.attempts.append(Attempt(name, exc.reason))
            course.failed = True
            self._metrics.done(name, exc.reason, self._clock() - started)
            return None
        course.attempts.append(Attempt(name, "ok"))
        host.note_real_time_factor(utterance.duration_seconds, self._clock() - started)
        self._metrics.done(name, "ok", self._clock() - started)
        return transcript

    def _should_escalate(
        self, name: str, transcript: Transcript, candidates: Sequence[str], options: TranscriptionOptions
    ) -> bool:
        if name != Requested.VOSK or options.engine is not Requested.AUTO or len(candidates) < 2:
            return False
        return transcript.confidence is None or transcript.confidence < self._min_confidence

    def _answer(
        self, utterance: Utterance, name: str, transcript: Transcript, course: _Course
    ) -> Transcription:
        answer = Transcription(
            text=transcript.text,
            language=transcript.language,
            duration_seconds=utterance.duration_seconds,
            engine=name,
            model=transcript.model,
            confidence=transcript.confidence,
            routing=course.routing,
            segments=transcript.segments,
            processing_seconds=self._clock() - course.started,
            degraded=course.failed,
            attempts=course.attempts,
            notes=transcript.notes,
        )
        _log.info(
            "transcription_done",
            engine=name,
            rule=answer.routing.rule,
            degraded=answer.degraded,
            audio_seconds=round(answer.duration_seconds, 2),
            seconds=round(answer.processing_seconds, 3),
            notes=list(transcript.notes),
        )
        return answer

    def _nothing_said(self, duration_seconds: float, course: _Course) -> Transcription:
        return Transcription(
            text="",
            language=None,
            duration_seconds=duration_seconds,
            engine=None,
            model=None,
            confidence=None,
            routing=replace(course.routing, reason="There is no speech in this audio; no engine was asked."),
            segments=(),
            processing_seconds=self._clock() - course.started,
            degraded=False,
            attempts=(),
            notes=("no_speech",),
        )


def _utterance(
    samples: NDArray[np.float32], speech: Sequence[SpeechSpan], options: TranscriptionOptions
) -> Utterance:
    return Utterance(
        samples,
        speech,
        options.language,
        options.word_timestamps,
        options.prompt,
        options.temperature,
        options.translate,
    )


def _left_out(selection: Selection) -> list[Attempt]:
    """Engines that would have come before the one that serves, and could not."""
    return [Attempt(name, reason) for name, reason in selection.unavailable.items()]


def _escalated(routing: Routing, name: str, transcript: Transcript) -> Routing:
    confidence = "no words" if transcript.confidence is None else f"confidence {transcript.confidence:.2f}"
    return replace(
        routing,
        reason=f"{routing.reason} {name} was not sure of it ({confidence}), so it was heard again.",
        escalated_from=name,
    )
