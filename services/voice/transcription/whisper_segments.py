"""How sure a transcript is, over its segments. Used by both Whisper adapters."""

from collections.abc import Sequence

import numpy as np

from services.voice.transcription.engine import Segment


def mean_confidence(segments: Sequence[Segment]) -> float | None:
    """Weighted by their lengths; None when there are none."""
    if not segments:
        return None
    weights = [segment.end_seconds - segment.start_seconds + 0.01 for segment in segments]
    return round(float(np.average([segment.confidence for segment in segments], weights=weights)), 3)
