"""Cuts long audio at silence, and puts what was heard of the pieces together again. Pure.

A piece is what a killed worker costs. It is never cut within speech, so nothing is heard twice or in halves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from services.voice.transcription.engine import SAMPLE_RATE_HZ, Segment, SpeechSpan, Word
from services.voice.transcription.service import Attempt, Transcription


@dataclass(frozen=True, slots=True)
class Piece:
    """Sample indices of the whole, end exclusive; `speech` is relative to `start`."""

    start: int
    end: int
    speech: Sequence[SpeechSpan]

    @property
    def start_seconds(self) -> float:
        return self.start / SAMPLE_RATE_HZ


def cut(total: int, speech: Sequence[SpeechSpan], piece_seconds: float) -> list[Piece]:
    """Pieces of about `piece_seconds` that cover all `total` samples, cut in the middle of a pause."""
    cuts = [0, *_cuts(speech, int(piece_seconds * SAMPLE_RATE_HZ)), total]
    return [_piece(start, end, speech) for start, end in pairwise(cuts)]


def _cuts(speech: Sequence[SpeechSpan], length: int) -> Iterator[int]:
    last = 0
    for before, after in pairwise(speech):
        if after.end - last > length and before.end > last:
            last = (before.end + after.start) // 2
            yield last


def _piece(start: int, end: int, speech: Sequence[SpeechSpan]) -> Piece:
    within = [
        SpeechSpan(span.start - start, span.end - start)
        for span in speech
        if start <= span.start and span.end <= end
    ]
    return Piece(start, end, within)


def shifted(heard: Transcription, by_seconds: float) -> Transcription:
    """A piece's transcription, at its time in the whole."""
    return replace(heard, segments=[_shifted(segment, by_seconds) for segment in heard.segments])


def joined(pieces: Sequence[Transcription], duration_seconds: float) -> Transcription:
    """One transcription of pieces in their order. Its engine is that of the first piece with speech."""
    spoken = [piece for piece in pieces if piece.text]
    first = spoken[0] if spoken else pieces[0]
    return replace(
        first,
        text=" ".join(piece.text.strip() for piece in spoken),
        duration_seconds=duration_seconds,
        confidence=_confidence(spoken),
        segments=[segment for piece in pieces for segment in piece.segments],
        processing_seconds=sum(piece.processing_seconds for piece in pieces),
        degraded=any(piece.degraded for piece in pieces),
        attempts=_each_once([attempt for piece in pieces for attempt in piece.attempts]),
        notes=sorted({note for piece in spoken or pieces for note in piece.notes}),
    )


def _confidence(spoken: Sequence[Transcription]) -> float | None:
    """Weighted by what each piece holds of the text."""
    known = [(piece.confidence, len(piece.text)) for piece in spoken if piece.confidence is not None]
    weight = sum(length for _, length in known)
    return sum(confidence * length for confidence, length in known) / weight if weight else None


def _each_once(attempts: Sequence[Attempt]) -> list[Attempt]:
    return list(dict.fromkeys(attempts))


def _shifted(segment: Segment, by: float) -> Segment:
    words = [
        Word(word.start_seconds + by, word.end_seconds + by, word.text, word.confidence)
        for word in segment.words
    ]
    start, end = segment.start_seconds + by, segment.end_seconds + by
    return Segment(start, end, segment.text, segment.confidence, words)
