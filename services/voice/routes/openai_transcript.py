"""A transcription in OpenAI's verbose form. Pure."""

import math
import zlib
from collections.abc import Collection
from typing import Any

from services.voice.transcription.engine import Segment
from services.voice.transcription.service import Transcription

_LEAST_CONFIDENCE = 1e-6


def verbose(
    result: Transcription, task: str, temperature: float, granularities: Collection[str]
) -> dict[str, Any]:
    """`language` is the code, such as `en`; segments and words as far as they were asked for."""
    body: dict[str, Any] = {
        "task": task,
        "language": result.language or "unknown",
        "duration": round(result.duration_seconds, 3),
    }
    if "segment" in granularities:
        body["segments"] = [
            _segment(number, item, temperature) for number, item in enumerate(result.segments)
        ]
    if "word" in granularities:
        words = [word for segment in result.segments for word in segment.words]
        body["words"] = [
            {"word": word.text, "start": word.start_seconds, "end": word.end_seconds} for word in words
        ]
    return body


def _segment(number: int, segment: Segment, temperature: float) -> dict[str, Any]:
    """The engine's token ids are not kept, so `tokens` is empty; nor is there a segment without speech:
    voice activity decided that before an engine was asked, hence `no_speech_prob`."""
    raw = segment.text.encode()
    return {
        "id": number,
        "seek": round(segment.start_seconds * 100),
        "start": segment.start_seconds,
        "end": segment.end_seconds,
        "text": segment.text,
        "tokens": [],
        "temperature": temperature,
        "avg_logprob": round(math.log(max(segment.confidence, _LEAST_CONFIDENCE)), 4),
        "compression_ratio": round(len(raw) / len(zlib.compress(raw)), 4) if raw else 0.0,
        "no_speech_prob": 0.0,
    }
