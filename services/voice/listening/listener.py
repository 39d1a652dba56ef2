"""Listens to one stream of audio: tells of turns, of the words so far, and of the words in the end.

The final words are asked for as soon as the speaker pauses, while it is still open whether the turn is over:
when it is, they are there. Knows no HTTP; the live recogniser and the spoken conversation are built on it.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from services.common import telemetry
from services.common.admission import Deadline
from services.common.problems import ProblemError
from services.voice.listening.partials import Partials, partials_for
from services.voice.listening.pcm_input import PcmInput
from services.voice.listening.spoken_language import SpokenLanguage
from services.voice.listening.track import Track
from services.voice.listening.turn_taking import (
    Paused,
    Resumed,
    SpeechStarted,
    TurnEnded,
    TurnEvent,
    TurnRules,
    TurnTaking,
)
from services.voice.listening.voice_detector import VoiceDetector
from services.voice.transcription.engine import SAMPLE_RATE_HZ
from services.voice.transcription.engine_selection import Requested
from services.voice.transcription.hearing import Ear
from services.voice.transcription.service import Transcription, TranscriptionOptions, TranscriptionService

_log = telemetry.get_logger()
_KEEP_SECONDS = 2.0
_DETECTOR_THREADS = 2
_AHEAD_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody speaks. `at_seconds`: in the stream."""

    at_seconds: float


@dataclass(frozen=True, slots=True)
class Partial:
    text: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The turn is over; its words follow as Final or Failed."""

    at_seconds: float


@dataclass(frozen=True, slots=True)
class Final:
    """`heard_at`: of the clock, when the turn's last voiced sample came. An empty text: it was no speech."""

    transcription: Transcription
    start_seconds: float
    end_seconds: float
    heard_at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """No recogniser could take the turn."""

    problem: ProblemError
    heard_at: float


ListenerEvent = Started | Partial | Stopped | Final | Failed


class ListeningParts:
    """What every listener of the service shares. `pool` is for voice detection, which must never wait."""

    def __init__(
        self,
        transcription: TranscriptionService,
        ear: Ear,
        new_detector: Callable[[], VoiceDetector] = VoiceDetector,
        clock: Callable[[], float] = time.monotonic,
        deadline_seconds: float = 30.0,
    ) -> None:
        self.transcription = transcription
        self.ear = ear
        self.new_detector = new_detector
        self.clock = clock
        self.deadline_seconds = deadline_seconds
        self.pool = ThreadPoolExecutor(_DETECTOR_THREADS, thread_name_prefix="voice-detector")

    def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)


class Listener:
    """`tell` takes each event as it happens; it must not block."""

    def __init__(
        self,
        parts: ListeningParts,
        *,
        rate_hz: int,
        rules: TurnRules,
        options: TranscriptionOptions,
        wants_partials: bool,
        tell: Callable[[ListenerEvent], None],
    ) -> None:
        self._parts = parts
        self._options = options
        self._wants_partials = wants_partials
        self._tell = tell
        self._input = PcmInput(rate_hz)
        self._detector = parts.new_detector()
        self._turns = TurnTaking(rules)
        self._track = Track(int(_KEEP_SECONDS * SAMPLE_RATE_HZ))
        self._language = SpokenLanguage()
        self._words: asyncio.Task[Transcription] | None = None
        self._words_until = 0
        self._partials: Partials | None = None
        self._partial: asyncio.Task[None] | None = None
        self._partial_until = 0
        self._concluding: set[asyncio.Task[None]] = set()
        self._opened_at = self._voiced_at = parts.clock()

    @property
    def seconds(self) -> float:
        """How much audio was heard."""
        return self._track.end / SAMPLE_RATE_HZ

    @property
    def in_turn(self) -> bool:
        return self._turns.turn_start is not None

    async def feed(self, pcm: bytes) -> None:
        """The next PCM16. One call at a time."""
        samples = self._input.samples(pcm)
        self._track.append(samples, self._turns.turn_start)
        arrived_at = self._parts.clock()
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._parts.pool, self._detector.probabilities, samples)
        for probability in found:
            if probability >= self._turns.rules.threshold:
                self._voiced_at = arrived_at
            self._obey(*self._turns.frame(probability))
        self._ask_for_partial()
        if self._words is not None and self._is_ahead(arrived_at):
            await asyncio.wait({self._words})

    async def finish(self) -> None:
        """The audio is at its end: an open turn ends, and its words are waited for."""
        self._obey(*self._turns.flush())
        while self._concluding:
            await asyncio.wait(self._concluding)

    async def aclose(self) -> None:
        tasks = [task for task in (self._words, self._partial, *self._concluding) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_ahead(self, now: float) -> bool:
        """A recording comes faster than it plays: it waits for its words, or pauses would be over first."""
        return self.seconds > now - self._opened_at + _AHEAD_SECONDS

    def _obey(self, *events: TurnEvent) -> None:
        for event in events:
            match event:
                case SpeechStarted(start):
                    self._begin(start)
                case Paused(start, end):
                    self._ask_for_words(start, end)
                case Resumed():
                    self._forget_words()
                case TurnEnded():
                    self._conclude(event)

    def _begin(self, start: int) -> None:
        self._partials = (
            partials_for(self._parts.transcription, self._options.language) if self._wants_partials else None
        )
        self._partial_until = start
        self._tell(Started(start / SAMPLE_RATE_HZ))

    def _ask_for_words(self, start: int, end: int) -> None:
        self._forget_words()
        self._stop_partial()
        self._words_until = end
        self._words = asyncio.create_task(self._transcribed(start, end))
        self._words.add_done_callback(self._words_came)

    def _words_came(self, task: "asyncio.Task[Transcription]") -> None:
        """A failure ends the turn as finished words do: who speaks must not wait for nothing."""
        if task.cancelled() or task is not self._words:
            return
        said = "." if task.exception() is not None else task.result().text
        self._obey(*self._turns.heard(said or "."))

    def _forget_words(self) -> None:
        if self._words is not None:
            self._words.cancel()
            self._words = None

    def _conclude(self, turn: TurnEnded) -> None:
        self._stop_partial()
        words, self._words = self._words, None
        if words is None or self._words_until < turn.voiced_end:
            if words is not None:
                words.cancel()
            words = asyncio.create_task(self._transcribed(turn.start, turn.end))
        self._tell(Stopped(turn.end / SAMPLE_RATE_HZ))
        task = asyncio.create_task(self._concluded(turn, words, self._voiced_at))
        self._concluding.add(task)
        task.add_done_callback(self._concluding.discard)

    async def _concluded(
        self, turn: TurnEnded, words: "asyncio.Task[Transcription]", heard_at: float
    ) -> None:
        try:
            found = await words
        except ProblemError as problem:
            self._tell(Failed(problem, heard_at))
        except Exception as exc:
            _log.error("listening_failed", error_type=type(exc).__name__, exc_info=exc)
            self._tell(Failed(ProblemError("Something failed on our side."), heard_at))
        else:
            span = (turn.start / SAMPLE_RATE_HZ, turn.voiced_end / SAMPLE_RATE_HZ)
            self._tell(Final(found, *span, heard_at))

    async def _transcribed(self, start: int, end: int) -> Transcription:
        heard = await self._parts.ear.find_speech(self._track.between(start, end))
        language = self._options.language or self._language.hint(heard.speech_seconds)
        options = replace(self._options, engine=self._final_engine(), language=language)
        deadline = Deadline.after(self._parts.deadline_seconds)
        service = self._parts.transcription
        found = await service.transcribe(heard.samples, heard.speech, options, deadline)
        self._language.heard(found.language, heard.speech_seconds)
        return found

    def _final_engine(self) -> Requested:
        whisper = self._parts.transcription.hosts[Requested.WHISPER].engine
        return Requested.WHISPER if whisper.availability(self._options.language).available else Requested.AUTO

    def _ask_for_partial(self) -> None:
        start = self._turns.turn_start
        if start is None or self._partials is None or self._words is not None:
            return
        due = self._track.end - self._partial_until >= self._partials.every_seconds * SAMPLE_RATE_HZ
        if due and self._partial is None:
            self._partial_until = self._track.end
            self._partial = asyncio.create_task(self._tell_partial(self._partials, start))
            self._partial.add_done_callback(self._partial_done)

    async def _tell_partial(self, partials: Partials, start: int) -> None:
        words = await partials.words(self._track.between(start, self._track.end))
        if words:
            self._tell(Partial(words))

    def _partial_done(self, task: "asyncio.Task[None]") -> None:
        if task is self._partial:
            self._partial = None
        if not task.cancelled() and (exc := task.exception()) is not None:
            _log.error("partial_failed", error_type=type(exc).__name__, exc_info=exc)

    def _stop_partial(self) -> None:
        if self._partial is not None:
            self._partial.cancel()
            self._partial = None
