"""SubRip and WebVTT as players read them."""

from services.voice.transcription.engine import Segment
from services.voice.transcription.formats import as_srt, as_vtt

SEGMENTS = [
    Segment(0.0, 2.5, "It was the best of times, it was the worst of times.", 0.9),
    Segment(3661.2, 3662.0, "a < b & c", 0.9),
]


def test_srt_numbers_its_cues_and_has_commas_in_its_times() -> None:
    assert as_srt(SEGMENTS) == (
        "1\n00:00:00,000 --> 00:00:02,500\nIt was the best of times, it was the worst\nof times.\n\n"
        "2\n01:01:01,200 --> 01:01:02,000\na < b & c\n"
    )


def test_vtt_begins_with_its_name_and_escapes_markup() -> None:
    vtt = as_vtt(SEGMENTS)
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:02.500\n")
    assert "a &lt; b &amp; c" in vtt


def test_nothing_said_is_an_empty_file() -> None:
    assert as_srt([]) == ""
    assert as_vtt([]) == "WEBVTT\n"
