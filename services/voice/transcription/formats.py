"""A transcription as text, SubRip, WebVTT or JSON. Pure.

Sources: WebVTT (W3C, 2019); SubRip as players read it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from services.voice.transcription.engine import Segment
from services.voice.transcription.service import Transcription

_MAX_LINE_CHARS = 42
"""As subtitles are set. Source: BBC Subtitle Guidelines, 37–42 characters."""


class ResponseFormat(StrEnum):
    JSON = "json"
    VERBOSE_JSON = "verbose_json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"


MEDIA_TYPES = {
    ResponseFormat.TEXT: "text/plain; charset=utf-8",
    ResponseFormat.SRT: "application/x-subrip; charset=utf-8",
    ResponseFormat.VTT: "text/vtt; charset=utf-8",
}


def as_json(result: Transcription, request_id: str, *, verbose: bool) -> dict[str, Any]:
    """The reply's fields; words stand by themselves, and with `verbose` in their segments too."""
    words = [asdict(word) for segment in result.segments for word in segment.words]
    return {
        "text": result.text,
        "language": result.language,
        "duration_seconds": round(result.duration_seconds, 3),
        "engine": result.engine,
        "model": result.model,
        "confidence": result.confidence,
        "routing": asdict(result.routing),
        "segments": [_segment(number, item, verbose) for number, item in enumerate(result.segments)],
        "words": words,
        "processing_seconds": round(result.processing_seconds, 3),
        "real_time_factor": round(result.real_time_factor, 3),
        "degraded": result.degraded,
        "attempts": [asdict(attempt) for attempt in result.attempts],
        "request_id": request_id,
    } | ({"notes": list(result.notes)} if verbose else {})


def as_text(result: Transcription, chosen: ResponseFormat) -> str:
    if chosen is ResponseFormat.SRT:
        return as_srt(result.segments)
    if chosen is ResponseFormat.VTT:
        return as_vtt(result.segments)
    return result.text + "\n"


def as_srt(segments: Sequence[Segment]) -> str:
    cues = [
        f"{number}\n{_span(item, ',')}\n{_wrap(item.text)}\n" for number, item in enumerate(segments, start=1)
    ]
    return "\n".join(cues)


def as_vtt(segments: Sequence[Segment]) -> str:
    cues = [f"{_span(item, '.')}\n{_escape(_wrap(item.text))}\n" for item in segments]
    return "\n".join(["WEBVTT\n", *cues])


def _segment(number: int, segment: Segment, verbose: bool) -> dict[str, Any]:
    fields = {"id": number} | asdict(segment)
    return fields if verbose else {name: value for name, value in fields.items() if name != "words"}


def _span(segment: Segment, decimal_mark: str) -> str:
    return f"{_clock(segment.start_seconds, decimal_mark)} --> {_clock(segment.end_seconds, decimal_mark)}"


def _clock(seconds: float, decimal_mark: str) -> str:
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{decimal_mark}{rest % 1000:03}"


def _wrap(text: str) -> str:
    return "\n".join(_lines(text.split()))


def _lines(words: Sequence[str]) -> Iterator[str]:
    line = ""
    for word in words:
        if line and len(line) + 1 + len(word) > _MAX_LINE_CHARS:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        yield line


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
