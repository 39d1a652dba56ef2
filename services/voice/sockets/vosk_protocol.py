"""Live recognition in the messages of vosk-server: its stock clients wait for one reply to each frame.

Source: alphacep/vosk-server, websocket/asr_server.py.
"""

from collections.abc import Mapping
from typing import Any

from services.common.problems import InvalidRequest
from services.voice.listening.listener import (
    Failed,
    Final,
    Listener,
    ListenerEvent,
    Partial,
    Started,
    Stopped,
)
from services.voice.sockets.live_protocol import AudioConfig, LiveProtocol, config_of
from services.voice.sockets.our_protocol import words_at
from services.voice.sockets.socket import Finished
from services.voice.transcription.service import TranscriptionOptions

_NOTHING: Mapping[str, Any] = {"text": ""}


class VoskConfig(AudioConfig):
    """`phrase_list` is taken as what to expect; `max_alternatives` and `model` are passed over."""

    words: bool = True
    phrase_list: list[str] | None = None


class VoskProtocol(LiveProtocol):
    _finals: list[Final]
    _partial = ""
    _config = VoskConfig()

    async def take(self, message: Mapping[str, Any]) -> None:
        if "config" in message:
            self._configure(message["config"])
        elif message.get("eof"):
            await self._settle()
            self.tell(self._result() or _NOTHING)
            raise Finished
        elif message.get("reset"):
            await self._settle()
            self.tell(self._result() or _NOTHING)
        else:
            raise InvalidRequest("The messages here are config, eof and reset; audio comes in binary frames.")

    async def take_audio(self, pcm: bytes) -> None:
        await (self.listener or self._listening()).feed(pcm)
        self.tell(self._result() or {"partial": self._partial})

    def on(self, event: ListenerEvent) -> None:
        match event:
            case Partial(text):
                self._partial = text
            case Final():
                self._partial = ""
                if event.transcription.text:
                    self._finals.append(event)
            case Started() | Stopped() | Failed():
                self._partial = ""

    def _configure(self, raw: object) -> None:
        if self.listener is not None:
            raise InvalidRequest("The config comes before the audio.")
        self._config = config_of(VoskConfig, raw)

    def _listening(self) -> Listener:
        config = self._config
        self._finals = []
        prompt = " ".join(phrase for phrase in config.phrase_list or () if phrase != "[unk]")[:2_000]
        options = TranscriptionOptions(word_timestamps=config.words, prompt=prompt)
        return self.listen(config.sample_rate, options, wants_partials=True)

    async def _settle(self) -> None:
        if self.listener is not None:
            await self.listener.finish()

    def _result(self) -> Mapping[str, Any] | None:
        """The utterances that have not been told yet, as one."""
        if self.listener is None or not self._finals:
            return None
        finals, self._finals = self._finals, []
        text = " ".join(final.transcription.text for final in finals)
        if not self._config.words:
            return {"text": text}
        words = [
            {
                "conf": word["confidence"],
                "start": word["start_seconds"],
                "end": word["end_seconds"],
                "word": word["text"],
            }
            for final in finals
            for word in words_at(final.start_seconds, final.transcription.segments)
        ]
        return {"result": words, "text": text}
