"""From an uploaded file to samples and the speech in them: blocking work in its own bounded pool."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from services.common.admission import Deadline
from services.common.problems import DeadlineExceeded
from services.voice.engine_threads import lower_thread_priority
from services.voice.media.decoding import DecodeLimits, decode
from services.voice.problems import DamagedAudio
from services.voice.transcription.engine import SAMPLE_RATE_HZ, SpeechSpan
from services.voice.transcription.voice_activity import load_detector, speech_spans


@dataclass(frozen=True, slots=True)
class Heard:
    """`samples`: mono float32 at 16 kHz; `speech`: where somebody speaks in it."""

    samples: NDArray[np.float32]
    speech: list[SpeechSpan]

    @property
    def speech_seconds(self) -> float:
        """From the first of it to the last."""
        return (self.speech[-1].end - self.speech[0].start) / SAMPLE_RATE_HZ if self.speech else 0.0


class Ear:
    """Decodes and looks for speech. A crafted file gets `decode_seconds` and no more."""

    def __init__(self, limits: DecodeLimits, *, workers: int, decode_seconds: float) -> None:
        self._limits = limits
        self._decode_seconds = decode_seconds
        self._pool = ThreadPoolExecutor(
            workers, thread_name_prefix="decode", initializer=lower_thread_priority
        )

    async def load(self) -> None:
        """What the first hearing would load otherwise."""
        await asyncio.get_running_loop().run_in_executor(self._pool, load_detector)

    async def hear(self, file: BinaryIO, size_bytes: int, deadline: Deadline) -> Heard:
        """Raises UnsupportedAudio, DamagedAudio, AudioTooLong, DeadlineExceeded."""
        cancelled = threading.Event()
        limit_seconds = min(self._decode_seconds, deadline.remaining_seconds)
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._pool, self._hear, file, size_bytes, cancelled)
        try:
            async with asyncio.timeout(limit_seconds):
                return await asyncio.shield(work)
        except TimeoutError as exc:
            if deadline.expired:
                raise DeadlineExceeded("The deadline passed while the audio was being decoded.") from exc
            raise DamagedAudio("Decoding this file takes longer than is allowed.") from exc
        finally:
            cancelled.set()
            await _ended(work)  # the upload's file must not be closed under the decoder

    async def find_speech(self, samples: NDArray[np.float32]) -> Heard:
        """The same for audio that is at hand as mono float32 at 16 kHz; a minute of it at most."""
        loop = asyncio.get_running_loop()
        return Heard(
            samples, await loop.run_in_executor(self._pool, speech_spans, samples, threading.Event())
        )

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _hear(self, file: BinaryIO, size_bytes: int, cancelled: threading.Event) -> Heard:
        samples = decode(file, size_bytes, self._limits, cancelled)
        return Heard(samples, speech_spans(samples, cancelled))


async def _ended(work: "asyncio.Future[Heard]") -> None:
    if not work.done():
        await asyncio.wait([work], timeout=1.0)
    if work.done() and not work.cancelled():
        work.exception()
