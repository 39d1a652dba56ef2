"""Wyoming's text to speech: a text, whole or as it is written, and its audio, sentence by sentence."""

import asyncio

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info, TtsProgram, TtsVoice
from wyoming.server import AsyncEventHandler
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from services.common.admission import Deadline
from services.common.problems import InvalidRequest, ProblemError
from services.voice.conversation.phrasing import Phrasing
from services.voice.synthesis.encoding import AudioFormat
from services.voice.synthesis.leveling import SAMPLE_RATE_HZ
from services.voice.synthesis.service import SynthesisOptions, SynthesisService
from services.voice.wyoming_protocol.information import ATTRIBUTION, VERSION

_FORMAT = {"rate": SAMPLE_RATE_HZ, "width": 2, "channels": 1}
_CHUNK_BYTES = 8192
_MAX_CHARS = 10_000
_DEADLINE_SECONDS = 120.0


class TextToSpeech(AsyncEventHandler):
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, synthesis: SynthesisService
    ) -> None:
        super().__init__(reader, writer)
        self._synthesis = synthesis
        self._written: Phrasing | None = None
        """Of a text that is still being written; its phrases are spoken as they are there."""
        self._options = SynthesisOptions()
        self._chars = 0

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type):
            await self.write_event(self._info().event())
        elif SynthesizeStart.is_type(event.type):
            await self._begin(SynthesizeStart.from_event(event).voice)
        elif SynthesizeChunk.is_type(event.type):
            return await self._more(SynthesizeChunk.from_event(event).text)
        elif SynthesizeStop.is_type(event.type):
            await self._end()
        elif Synthesize.is_type(event.type) and self._written is None:
            # A client that streams sends the whole text too, for servers that cannot stream.
            await self._speak_whole(Synthesize.from_event(event))
        return True

    async def _speak_whole(self, request: Synthesize) -> None:
        self._options = self._chosen(request.voice)
        await self.write_event(AudioStart(**_FORMAT).event())
        await self._speak(request.text[:_MAX_CHARS])
        await self.write_event(AudioStop().event())

    async def _begin(self, voice: SynthesizeVoice | None) -> None:
        self._written, self._chars = Phrasing(), 0
        self._options = self._chosen(voice)
        await self.write_event(AudioStart(**_FORMAT).event())

    async def _more(self, text: str) -> bool:
        self._chars += len(text)
        if self._written is not None:
            for phrase in self._written.feed(text):
                await self._speak(phrase.text)
        return self._chars <= _MAX_CHARS

    async def _end(self) -> None:
        phrases, self._written = self._written.finish() if self._written else [], None
        for phrase in phrases:
            await self._speak(phrase.text)
        await self.write_event(AudioStop().event())
        await self.write_event(SynthesizeStopped().event())

    async def _speak(self, text: str) -> None:
        deadline = Deadline.after(_DEADLINE_SECONDS)
        try:
            async with self._synthesis.stream(text, self._options, deadline) as spoken:
                async for chunk in spoken.chunks:
                    await self._send(chunk)
        except InvalidRequest:  # nothing in it that could be spoken
            return
        except ProblemError as problem:
            await self.write_event(Error(problem.detail, problem.title).event())

    async def _send(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), _CHUNK_BYTES):
            await self.write_event(AudioChunk(audio=pcm[start : start + _CHUNK_BYTES], **_FORMAT).event())

    def _chosen(self, voice: SynthesizeVoice | None) -> SynthesisOptions:
        """A voice that is not here any more is no reason to be silent: the default one speaks."""
        known = {one.id: one for one in self._synthesis.voices()}
        found = known.get(voice.name) if voice and voice.name else None
        language = found.language if found else (voice.language if voice else None) or "en"
        return SynthesisOptions(
            voice=found.id if found else "default",
            language=language.replace("_", "-"),
            format=AudioFormat.PCM,
            allow_simulated=False,
        )

    def _info(self) -> Info:
        voices = [
            TtsVoice(
                name=voice.id,
                attribution=ATTRIBUTION,
                installed=True,
                description=f"{voice.name} ({voice.engine})",
                version=VERSION,
                languages=[voice.language],
            )
            for voice in self._synthesis.voices()
        ]
        program = TtsProgram(
            name="parley",
            attribution=ATTRIBUTION,
            installed=True,
            description="Parley: Kokoro, eSpeak and others",
            version=VERSION,
            voices=voices,
            supports_synthesize_streaming=True,
        )
        return Info(tts=[program])
