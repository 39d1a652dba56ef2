"""How likely it is that somebody speaks, 32 ms at a time, as the audio arrives. Silero VAD; blocking.

The offline half is transcription/voice_activity.py; this one carries the network's state from call to call.
"""

from collections.abc import Sequence

import numpy as np
from faster_whisper.vad import get_vad_model
from numpy.typing import NDArray

from services.voice.transcription.engine import SAMPLE_RATE_HZ
from services.voice.transcription.voice_activity import MIN_RMS

FRAME_SAMPLES = 512
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE_HZ
_CONTEXT_SAMPLES = 64
_STATE_SHAPE = (1, 1, 128)
"""Source: silero-vad v6, the ONNX that faster-whisper ships."""


class VoiceDetector:
    """One for each stream of audio; the network itself is shared."""

    def __init__(self) -> None:
        self._session = get_vad_model().session
        self._rest = np.zeros(0, dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Forgets what it heard, as after a gap in the audio."""
        self._hidden = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._cell = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._context = np.zeros(_CONTEXT_SAMPLES, dtype=np.float32)

    def probabilities(self, samples: NDArray[np.float32]) -> Sequence[float]:
        """Of speech in each frame that these samples complete. `samples`: mono float32 at 16 kHz."""
        waiting = np.concatenate([self._rest, samples])
        frames = waiting[: len(waiting) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        self._rest = waiting[frames.size :]
        return self._judged(frames) if len(frames) else ()

    def _judged(self, frames: NDArray[np.float32]) -> Sequence[float]:
        tails = np.concatenate([self._context[None], frames[:-1, -_CONTEXT_SAMPLES:]])
        self._context = frames[-1, -_CONTEXT_SAMPLES:].copy()
        batch = np.concatenate([tails, frames], axis=1).astype(np.float32)
        found, self._hidden, self._cell = self._session.run(
            None, {"input": batch, "h": self._hidden, "c": self._cell}
        )
        loud = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1)) >= MIN_RMS
        return [float(p) if is_loud else 0.0 for p, is_loud in zip(found.reshape(-1), loud, strict=True)]
