"""Wyoming's text to speech: a text, whole or as it is written, and its audio, sentence by sentence."""

import asyncio

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import Describe, Info, TtsProgram, TtsVoice
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from services.common.admission import Deadline
from services.common.problems import InvalidRequest, PayloadTooLarge
from services.voice.synthesis.encoding import AudioFormat
from services.voice.synthesis.leveling import SAMPLE_RATE_HZ
from services.voice.synthesis.service import SynthesisOptions, SynthesisService
from services.voice.wyoming_protocol.event_handler import EventHandler
from services.voice.wyoming_protocol.information import PROGRAM_NAME, PROJECT, VERSION, attribution, tag
from services.voice.wyoming_protocol.written_text import WrittenText

_FORMAT = {"rate": SAMPLE_RATE_HZ, "width": 2, "channels": 1}
_CHUNK_BYTES = 8192
_MAX_CHARS = 10_000
_DEADLINE_SECONDS = 120.0
_SILENCE = bytes(2 * SAMPLE_RATE_HZ // 10)
"""For a text without a word in it: of no audio at all, Home Assistant makes an error."""


class TextToSpeech(EventHandler):
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        synthesis: SynthesisService,
        default_language: str | None,
    ) -> None:
        super().__init__(reader, writer)
        self._synthesis = synthesis
        self._default_language = default_language or "en"
        """Home Assistant never names a language, only a voice, and that only where one was chosen."""
        self._written: WrittenText | None = None
        """Of a text that is still being written; it is spoken as it comes."""
        self._options = SynthesisOptions()
        self._chars = 0
        self._sounding = False
        """Whether the audio of this text has begun."""

    async def handle(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self.write_event((await asyncio.to_thread(self._info)).event())
        elif SynthesizeStart.is_type(event.type):
            self._begin(SynthesizeStart.from_event(event).voice)
        elif SynthesizeChunk.is_type(event.type):
            await self._more(SynthesizeChunk.from_event(event).text)
        elif SynthesizeStop.is_type(event.type):
            await self._end()
        elif Synthesize.is_type(event.type) and self._written is None:
            # A client that streams sends the whole text too, for servers that cannot stream.
            await self._speak_whole(Synthesize.from_event(event))

    async def _speak_whole(self, request: Synthesize) -> None:
        self._options = self._chosen(request.voice)
        await self._speak(request.text[:_MAX_CHARS])
        await self._stop_sounding()

    def _begin(self, voice: SynthesizeVoice | None) -> None:
        self._written, self._chars = WrittenText(), 0
        self._options = self._chosen(voice)

    async def _more(self, text: str) -> None:
        if self._written is None:
            return
        self._chars += len(text)
        if self._chars > _MAX_CHARS:
            raise PayloadTooLarge(f"The text has more than {_MAX_CHARS} characters.")
        for part in self._written.feed(text):
            await self._speak(part)

    async def _end(self) -> None:
        parts, self._written = self._written.finish() if self._written else [], None
        for part in parts:
            await self._speak(part)
        await self._stop_sounding()
        await self.write_event(SynthesizeStopped().event())

    async def _speak(self, text: str) -> None:
        deadline = Deadline.after(_DEADLINE_SECONDS)
        try:
            async with self._synthesis.stream(text, self._options, deadline) as spoken:
                async for chunk in spoken.chunks:
                    await self._send(chunk)
        except InvalidRequest:  # nothing in it that could be spoken
            return

    async def _send(self, pcm: bytes) -> None:
        """Begins with the first audio: a client that gets none is to know it for a failure."""
        if not self._sounding:
            await self.write_event(AudioStart(**_FORMAT).event())
            self._sounding = True
        for start in range(0, len(pcm), _CHUNK_BYTES):
            await self.write_event(AudioChunk(audio=pcm[start : start + _CHUNK_BYTES], **_FORMAT).event())

    async def _stop_sounding(self) -> None:
        if not self._sounding:
            await self._send(_SILENCE)
        await self.write_event(AudioStop().event())
        self._sounding = False

    def _chosen(self, voice: SynthesizeVoice | None) -> SynthesisOptions:
        """A voice that is not here any more is no reason to be silent: the default one speaks."""
        known = {one.id: one for one in self._synthesis.voices()}
        found = known.get(voice.name) if voice and voice.name else None
        language = found.language if found else (voice.language if voice else None)
        return SynthesisOptions(
            voice=found.id if found else "default",
            language=(language or self._default_language).replace("_", "-"),
            format=AudioFormat.PCM,
            allow_simulated=False,
        )

    def _info(self) -> Info:
        voices = [
            TtsVoice(
                name=voice.id,
                attribution=attribution(voice.engine),
                installed=True,
                description=f"{voice.name} ({voice.engine})",
                version=VERSION,
                languages=[tag(voice.language)],
            )
            for voice in self._synthesis.voices()
        ]
        program = TtsProgram(
            name=PROGRAM_NAME,
            attribution=PROJECT,
            installed=True,
            description="Parley: Kokoro, eSpeak and others",
            version=VERSION,
            voices=voices,
            supports_synthesize_streaming=True,
        )
        return Info(tts=[program])
