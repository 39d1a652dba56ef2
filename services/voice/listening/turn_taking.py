"""Whose turn it is: from voice activity and words to the beginning and the end of an utterance. Pure.

Its only clock is the audio itself. A pause is first a guess: the words so far are asked for, and how long it
has to last before the turn is over depends on whether they make a sentence.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from services.voice.listening.unfinished import Completeness, completeness
from services.voice.listening.voice_detector import FRAME_SAMPLES
from services.voice.transcription.engine import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class TurnRules:
    """Seconds, but for the `threshold`, a probability of speech, and the `onset_frames` of 32 ms."""

    threshold: float = 0.5
    onset_frames: int = 3
    """Voiced frames, with at most one unvoiced among them, that make a beginning."""
    prefix_seconds: float = 0.3
    """Kept from before the first voiced frame: consonants are quiet."""
    pause_seconds: float = 0.12
    """Of silence, after which the words so far are asked for."""
    finished_seconds: float = 0.32
    """Of silence, after which a finished sentence is the end of the turn."""
    silence_seconds: float = 0.6
    """The same where the words leave it open."""
    unfinished_seconds: float = 1.6
    """The same where the sentence plainly goes on."""
    max_turn_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """`start`: index of the turn's first sample, prefix included."""

    start: int


@dataclass(frozen=True, slots=True)
class Paused:
    """The words from `start` to `end` are wanted: see `TurnTaking.heard`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The pause was none; words that were asked for are worth nothing any more."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """`voiced_end`: index after the last voiced sample."""

    start: int
    end: int
    voiced_end: int


TurnEvent = SpeechStarted | Paused | Resumed | TurnEnded
_HYSTERESIS = 0.15
"""A voice that has begun goes on down to this much below the threshold. Source: silero-vad, utils_vad.py."""


class TurnTaking:
    def __init__(self, rules: TurnRules) -> None:
        self.rules = rules
        self.position = 0
        """Samples heard so far."""
        self._recent: deque[bool] = deque(maxlen=rules.onset_frames + 1)
        self._start: int | None = None
        self._voiced_end = 0
        self._paused = False
        self._words: str | None = None

    @property
    def turn_start(self) -> int | None:
        """Index of the open turn's first sample."""
        return self._start

    def frame(self, probability: float) -> Sequence[TurnEvent]:
        """The next 32 ms."""
        self.position += FRAME_SAMPLES
        open_turn = self._start is not None
        voiced = probability >= self.rules.threshold - (_HYSTERESIS if open_turn else 0.0)
        self._recent.append(voiced)
        if self._start is None:
            return self._begun() if voiced else ()
        return self._voiced() if voiced else self._silent()

    def heard(self, words: str) -> Sequence[TurnEvent]:
        """What was said up to the pause."""
        if not self._paused:
            return ()
        self._words = words
        return self._judged()

    def flush(self) -> Sequence[TurnEvent]:
        """The audio is at its end, and so is a turn that is open."""
        return self._end() if self._start is not None else ()

    def _begun(self) -> Sequence[TurnEvent]:
        if sum(self._recent) < self.rules.onset_frames:
            return ()
        first_voiced = self.position - len(self._recent) * FRAME_SAMPLES
        self._start = max(0, first_voiced - _samples(self.rules.prefix_seconds))
        self._voiced_end = self.position
        self._paused, self._words = False, None
        return (SpeechStarted(self._start),)

    def _voiced(self) -> Sequence[TurnEvent]:
        self._voiced_end = self.position
        if self._turn_seconds() >= self.rules.max_turn_seconds:
            return self._end()
        if not self._paused:
            return ()
        self._paused, self._words = False, None
        return (Resumed(),)

    def _silent(self) -> Sequence[TurnEvent]:
        if not self._paused and self._silence_seconds() >= self.rules.pause_seconds:
            self._paused = True
            return (Paused(self._start or 0, self.position),)
        return self._judged() if self._paused else ()

    def _judged(self) -> Sequence[TurnEvent]:
        return self._end() if self._silence_seconds() >= self._patience_seconds() else ()

    def _patience_seconds(self) -> float:
        """Words that are not there yet are waited for as if the sentence went on."""
        rules = self.rules
        if self._words is None:
            return rules.unfinished_seconds
        match completeness(self._words):
            case Completeness.FINISHED:
                return min(rules.finished_seconds, rules.silence_seconds)
            case Completeness.UNCLEAR:
                return rules.silence_seconds
            case Completeness.UNFINISHED:
                return max(rules.unfinished_seconds, rules.silence_seconds)

    def _end(self) -> Sequence[TurnEvent]:
        ended = TurnEnded(self._start or 0, self.position, self._voiced_end)
        self._start, self._paused, self._words = None, False, None
        self._recent.clear()
        return (ended,)

    def _silence_seconds(self) -> float:
        return (self.position - self._voiced_end) / SAMPLE_RATE_HZ

    def _turn_seconds(self) -> float:
        return (self.position - (self._start or 0)) / SAMPLE_RATE_HZ


def _samples(seconds: float) -> int:
    return int(seconds * SAMPLE_RATE_HZ)
