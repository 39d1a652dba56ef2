"""A turn whose beginning and end the client says itself, such as with a button."""

import numpy as np

from services.common.admission import Deadline
from services.common.problems import InvalidRequest, PayloadTooLarge
from services.voice.conversation.client_events import RATE_HZ
from services.voice.listening.listener import ListeningParts
from services.voice.listening.pcm_input import PcmInput
from services.voice.transcription.service import Transcription, TranscriptionOptions

_MAX_SECONDS = 120
_MIN_SECONDS = 0.1
"""Source: OpenAI's own bound for a commit."""


class ManualTurn:
    def __init__(self, listening: ListeningParts) -> None:
        self._listening = listening
        self._pcm = bytearray()

    def append(self, pcm: bytes) -> None:
        """Raises PayloadTooLarge."""
        if len(self._pcm) + len(pcm) > _MAX_SECONDS * RATE_HZ * 2:
            raise PayloadTooLarge(f"A turn holds at most {_MAX_SECONDS} seconds.")
        self._pcm += pcm

    def clear(self) -> None:
        self._pcm.clear()

    async def transcribed(self, options: TranscriptionOptions) -> Transcription:
        """Raises InvalidRequest, and what transcription does."""
        if len(self._pcm) < _MIN_SECONDS * RATE_HZ * 2:
            raise InvalidRequest("There is too little audio to be committed.")
        pcm = bytes(self._pcm)
        self.clear()
        tail = np.zeros(RATE_HZ // 10, dtype="<i2").tobytes()  # flushes the resampler
        samples = PcmInput(RATE_HZ).samples(pcm + tail)
        heard = await self._listening.ear.find_speech(samples)
        deadline = Deadline.after(self._listening.deadline_seconds)
        return await self._listening.transcription.transcribe(heard.samples, heard.speech, options, deadline)
