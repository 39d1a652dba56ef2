"""Long audio in pieces, and put together again."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.voice.jobs.pieces import cut, joined, shifted
from services.voice.transcription.engine import SAMPLE_RATE_HZ, Segment, SpeechSpan, Word
from services.voice.transcription.engine_selection import Routing, Rule
from services.voice.transcription.service import Attempt, Transcription

ROUTING = Routing(Rule.AT_OR_ABOVE_THRESHOLD, 5.0, "It is long.")


def span(start_seconds: float, end_seconds: float) -> SpeechSpan:
    return SpeechSpan(int(start_seconds * SAMPLE_RATE_HZ), int(end_seconds * SAMPLE_RATE_HZ))


def heard(text: str, **changes: object) -> Transcription:
    segments = [Segment(1.0, 2.0, text, 0.8, [Word(1.0, 2.0, text, 0.8)])] if text else []
    given_: dict[str, object] = {
        "text": text,
        "language": "en" if text else None,
        "duration_seconds": 10.0,
        "engine": "whisper" if text else None,
        "model": "whisper-test",
        "confidence": 0.8 if text else None,
        "routing": ROUTING,
        "segments": segments,
        "processing_seconds": 1.0,
        "degraded": False,
        "attempts": [Attempt("whisper", "ok")],
    }
    return Transcription(**{**given_, **changes})  # type: ignore[arg-type] # a row of the test


gaps_and_lengths = st.lists(st.tuples(st.integers(0, 8000), st.integers(1, 14 * SAMPLE_RATE_HZ)), max_size=60)


@given(gaps_and_lengths, st.integers(0, 100_000))
def test_pieces_cover_the_audio_and_cut_no_speech(
    gaps: list[tuple[int, int]], silence_at_the_end: int
) -> None:
    speech, at = [], 0
    for gap, length in gaps:
        speech.append(SpeechSpan(at + gap, at + gap + length))
        at += gap + length
    total = at + silence_at_the_end + 1
    pieces = cut(total, speech, 30.0)
    assert [piece.start for piece in pieces] == [0, *(piece.end for piece in pieces[:-1])]
    assert pieces[-1].end == total
    found = [
        SpeechSpan(piece.start + part.start, piece.start + part.end)
        for piece in pieces
        for part in piece.speech
    ]
    assert found == speech


def test_a_piece_is_as_long_as_asked_for_and_cut_in_the_middle_of_a_pause() -> None:
    speech = [span(at, at + 9) for at in range(0, 100, 10)]
    pieces = cut(100 * SAMPLE_RATE_HZ, speech, 30.0)
    assert [piece.start_seconds for piece in pieces] == [0.0, 29.5, 59.5, 89.5]
    assert all(len(piece.speech) <= 3 for piece in pieces)


def test_silence_is_one_piece_without_speech() -> None:
    [piece] = cut(16_000 * 600, [], 30.0)
    assert (piece.start, piece.end, list(piece.speech)) == (0, 16_000 * 600, [])


def test_pieces_are_joined_at_their_times() -> None:
    whole = joined([heard("Hello."), shifted(heard("Again."), 10.0)], 20.0)
    assert whole.text == "Hello. Again."
    assert whole.duration_seconds == 20.0
    assert [segment.start_seconds for segment in whole.segments] == [1.0, 11.0]
    assert [segment.words[0].end_seconds for segment in whole.segments] == [2.0, 12.0]
    assert all(a.end_seconds <= b.start_seconds for a, b in pairwise(whole.segments))
    assert whole.processing_seconds == 2.0
    assert whole.attempts == [Attempt("whisper", "ok")]


def test_the_whole_is_degraded_when_a_piece_is() -> None:
    vosk = heard("Two.", engine="vosk", degraded=True, attempts=[Attempt("whisper", "timeout")])
    whole = joined([heard("One."), vosk], 20.0)
    assert whole.degraded
    assert whole.attempts == [Attempt("whisper", "ok"), Attempt("whisper", "timeout")]


def test_confidence_is_weighted_by_text_and_silence_says_nothing() -> None:
    whole = joined([heard("a" * 30, confidence=1.0), heard(""), heard("b" * 10, confidence=0.6)], 30.0)
    assert whole.confidence is not None
    assert round(whole.confidence, 3) == 0.9
    assert whole.engine == "whisper"


def test_only_silence_is_empty_text_without_an_engine() -> None:
    whole = joined([heard("", notes=("no_speech",)), heard("", notes=("no_speech",))], 20.0)
    assert (whole.text, whole.engine, whole.confidence, whole.notes) == ("", None, None, ["no_speech"])
