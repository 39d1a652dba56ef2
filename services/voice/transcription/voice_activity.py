"""Where somebody speaks. Decides first whether there is anything to transcribe. Silero VAD; blocking.

Whisper was trained to say something: it hears "Thank you." in silence. What is not speech never reaches it.
"""

import threading
from collections.abc import Iterator

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps, get_vad_model
from numpy.typing import NDArray

from services.voice.engines import EngineFailed
from services.voice.transcription.engine import SAMPLE_RATE_HZ, SpeechSpan

_BLOCK_SECONDS = 300
"""Bounds the memory for hours of audio; a block's last span is heard again with the next block."""
MIN_RMS = 10 ** (-60 / 20)
"""-60 dBFS: below a quiet room's noise at a microphone. Silero alone hears speech in amplified dither."""
_OPTIONS = VadOptions(
    threshold=0.5,
    min_speech_duration_ms=100,
    min_silence_duration_ms=200,
    speech_pad_ms=150,
    max_speech_duration_s=14,
)
"""Spans no longer than a window of Whisper's (whisper_windows.py), cut at the best pause within."""


def load_detector() -> None:
    """The network is loaded once in a process; faster-whisper keeps it."""
    get_vad_model()


def speech_spans(samples: NDArray[np.float32], cancelled: threading.Event) -> list[SpeechSpan]:
    """`samples`: mono float32 at 16 kHz. Empty when nobody speaks. Raises EngineFailed("cancelled")."""
    spans: list[SpeechSpan] = []
    for span in _spans_by_block(samples, cancelled):
        if spans and span.start < spans[-1].end:
            spans[-1] = SpeechSpan(spans[-1].start, max(spans[-1].end, span.end))
        else:
            spans.append(span)
    return spans


def _spans_by_block(samples: NDArray[np.float32], cancelled: threading.Event) -> Iterator[SpeechSpan]:
    block = _BLOCK_SECONDS * SAMPLE_RATE_HZ
    start = 0
    while start < len(samples):
        if cancelled.is_set():
            raise EngineFailed("cancelled")
        end = min(start + block, len(samples))
        found = _spans_in(np.asarray(samples[start:end]), start)
        resume = _resume_at(found, start, end, len(samples))
        yield from (span for span in found if span.end <= resume or end == len(samples))
        start = resume


def _resume_at(found: list[SpeechSpan], start: int, end: int, total: int) -> int:
    """The next block begins with the span that this block's end cut, if there is one."""
    cut = found and end < total and found[-1].end > end - SAMPLE_RATE_HZ and found[-1].start > start
    return found[-1].start if cut else end


def _spans_in(samples: NDArray[np.float32], offset: int) -> list[SpeechSpan]:
    if float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) < MIN_RMS:
        return []
    return [
        SpeechSpan(offset + found["start"], offset + min(found["end"], len(samples)))
        for found in get_speech_timestamps(samples, _OPTIONS)
    ]
