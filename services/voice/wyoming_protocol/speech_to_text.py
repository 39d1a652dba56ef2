"""Wyoming's speech to text: transcribe, then audio, then its transcript."""

import asyncio

import numpy as np
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioChunkConverter, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Describe, Info

from services.common.admission import Deadline
from services.common.problems import PayloadTooLarge
from services.voice.transcription.engine import SAMPLE_RATE_HZ
from services.voice.transcription.hearing import Ear
from services.voice.transcription.service import TranscriptionOptions, TranscriptionService
from services.voice.wyoming_protocol.event_handler import EventHandler
from services.voice.wyoming_protocol.information import (
    PROGRAM_NAME,
    PROJECT,
    VERSION,
    attribution,
    heard_languages,
)

_MAX_SECONDS = 120
_DEADLINE_SECONDS = 60.0
_BYTES_PER_SECOND = 2 * SAMPLE_RATE_HZ


class SpeechToText(EventHandler):
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        transcription: TranscriptionService,
        ear: Ear,
    ) -> None:
        super().__init__(reader, writer)
        self._transcription = transcription
        self._ear = ear
        self._converter = AudioChunkConverter(rate=SAMPLE_RATE_HZ, width=2, channels=1)
        self._language: str | None = None
        self._pcm = bytearray()

    async def handle(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self.write_event((await asyncio.to_thread(self._info)).event())
        elif Transcribe.is_type(event.type):
            self._language = _primary(Transcribe.from_event(event).language)
        elif AudioStart.is_type(event.type):
            self._pcm.clear()
        elif AudioChunk.is_type(event.type):
            self._pcm += self._converter.convert(AudioChunk.from_event(event)).audio
            if len(self._pcm) > _MAX_SECONDS * _BYTES_PER_SECOND:
                raise PayloadTooLarge(f"The audio is longer than {_MAX_SECONDS} seconds.")
        elif AudioStop.is_type(event.type):
            await self._answer()

    async def _answer(self) -> None:
        samples = np.frombuffer(bytes(self._pcm), dtype="<i2").astype(np.float32) / 32768.0
        self._pcm.clear()
        options = TranscriptionOptions(self._language)
        heard = await self._ear.find_speech(samples)
        found = await self._transcription.transcribe(
            heard.samples, heard.speech, options, Deadline.after(_DEADLINE_SECONDS)
        )
        await self.write_event(Transcript(found.text, language=found.language).event())

    def _info(self) -> Info:
        models = [
            AsrModel(
                name=host.engine.model,
                attribution=attribution(host.engine.name),
                installed=True,
                description=None,
                version=VERSION,
                languages=heard_languages(host.engine),
            )
            for host in self._transcription.hosts.values()
            if host.engine.model
        ]
        program = AsrProgram(
            name=PROGRAM_NAME,
            attribution=PROJECT,
            installed=True,
            description="Parley: Vosk and Whisper",
            version=VERSION,
            models=models,
        )
        return Info(asr=[program])


def _primary(language: str | None) -> str | None:
    return language.replace("_", "-").split("-")[0].lower() if language else None
