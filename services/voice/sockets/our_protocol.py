"""Live recognition in our own messages: {"type": …} both ways, PCM16 in binary frames."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from services.common import telemetry
from services.common.problems import InvalidRequest
from services.voice.listening.listener import Failed, Final, ListenerEvent, Partial, Started, Stopped
from services.voice.sockets.live_protocol import AudioConfig, LiveProtocol, config_of
from services.voice.sockets.socket import Finished
from services.voice.transcription.engine import Segment
from services.voice.transcription.service import TranscriptionOptions


class StartMessage(AudioConfig):
    type: Literal["start"]
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    partials: bool = True
    words: bool = False
    prompt: str = Field(default="", max_length=2_000)


class OurProtocol(LiveProtocol):
    async def take(self, message: Mapping[str, Any]) -> None:
        match message.get("type"):
            case "start":
                self._start(config_of(StartMessage, message))
            case "stop":
                await self._stop()
            case "ping":
                self.tell({"type": "pong"})
            case _:
                raise InvalidRequest("The messages here are start, stop and ping; audio is binary.")

    async def take_audio(self, pcm: bytes) -> None:
        if self.listener is None:
            raise InvalidRequest('Send {"type": "start"} before the audio.')
        await self.listener.feed(pcm)

    def on(self, event: ListenerEvent) -> None:
        match event:
            case Started(at_seconds):
                self.tell({"type": "speech_started", "at_seconds": round(at_seconds, 3)})
            case Partial(text):
                self.tell({"type": "partial", "text": text})
            case Stopped(at_seconds):
                self.tell({"type": "speech_stopped", "at_seconds": round(at_seconds, 3)})
            case Final():
                self.tell(self._final(event))
            case Failed(problem):
                request_id = telemetry.current_request_id()
                body = problem.body(instance="/api/v1/voice/stt/stream", request_id=request_id)
                self.tell({"type": "error", "problem": body})

    def _start(self, config: StartMessage) -> None:
        if self.listener is not None:
            raise InvalidRequest("The stream is open already.")
        options = TranscriptionOptions(config.language, word_timestamps=config.words, prompt=config.prompt)
        self.listen(config.sample_rate, options, wants_partials=config.partials)
        self.tell(
            {
                "type": "ready",
                "sample_rate": config.sample_rate,
                "request_id": telemetry.current_request_id(),
            }
        )

    async def _stop(self) -> None:
        if self.listener is not None:
            await self.listener.finish()
        self.tell({"type": "done"})
        raise Finished

    def _final(self, event: Final) -> Mapping[str, Any]:
        """Times in seconds from the start of the stream; `latency_seconds`: since the last voiced sample."""
        found = event.transcription
        return {
            "type": "final",
            "text": found.text,
            "start_seconds": round(event.start_seconds, 3),
            "end_seconds": round(event.end_seconds, 3),
            "language": found.language,
            "engine": found.engine,
            "confidence": found.confidence,
            "degraded": found.degraded,
            "words": words_at(event.start_seconds, found.segments),
            "latency_seconds": round(self._parts.clock() - event.heard_at, 3),
        }


def words_at(start_seconds: float, segments: Any) -> list[dict[str, Any]]:
    """Words with their times moved to where the utterance lies in the stream."""
    typed: list[Segment] = list(segments)
    return [
        asdict(word)
        | {
            "start_seconds": round(start_seconds + word.start_seconds, 3),
            "end_seconds": round(start_seconds + word.end_seconds, 3),
        }
        for segment in typed
        for word in segment.words
    ]
