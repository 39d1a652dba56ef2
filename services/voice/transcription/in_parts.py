"""Transcribes long audio window by window, so that its beginning can be read before its end was heard."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from services.common.admission import Deadline
from services.voice.transcription.engine import SAMPLE_RATE_HZ, SpeechSpan
from services.voice.transcription.hearing import Heard
from services.voice.transcription.service import Transcription, TranscriptionOptions, TranscriptionService
from services.voice.transcription.whisper_windows import windows


async def transcribe_in_parts(
    service: TranscriptionService, heard: Heard, options: TranscriptionOptions, deadline: Deadline
) -> AsyncIterator[Transcription]:
    """A transcription for each window that somebody speaks in; none when nobody does.

    The language is that of the first part. Raises as `TranscriptionService.transcribe` does.
    """
    options = replace(options, routed_seconds=len(heard.samples) / SAMPLE_RATE_HZ)
    for window in windows(heard.speech):
        samples = heard.samples[window.start : window.end]
        part = await service.transcribe(samples, _within(heard.speech, window), options, deadline)
        options = replace(options, language=options.language or part.language)
        yield part


def _within(speech: Sequence[SpeechSpan], window: SpeechSpan) -> list[SpeechSpan]:
    """The spans of a window, counted from its start."""
    return [
        SpeechSpan(span.start - window.start, span.end - window.start)
        for span in speech
        if window.start <= span.start and span.end <= window.end
    ]
