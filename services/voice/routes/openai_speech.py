"""POST /v1/audio/speech, as OpenAI's clients call it: bytes that stream, or server-sent events with them."""

import base64
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.common.auth import Principal, require_scope
from services.common.disconnect import cancel_on_disconnect
from services.voice import openai_names
from services.voice.routes.openai_events import event, event_stream
from services.voice.routes.synthesis import begun_stream, report_headers, synthesis_deadline
from services.voice.synthesis.chain import SIMULATED
from services.voice.synthesis.encoding import MEDIA_TYPES, AudioFormat
from services.voice.synthesis.service import SynthesisOptions, SynthesisService

router = APIRouter(prefix="/v1/audio", tags=["openai"])


class SpeechRequest(BaseModel):
    """Unknown fields are ignored, `instructions` among them: no engine here takes any."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(min_length=1, max_length=128)
    input: str = Field(min_length=1, max_length=10_000)
    voice: str = Field(default=openai_names.DEFAULT_VOICE, max_length=64)
    response_format: AudioFormat = AudioFormat.MP3
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    stream_format: Literal["audio", "sse"] = "audio"
    language: str = Field(default="en", pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*$")
    """Ours, for the default voice; another voice speaks its own language."""

    @field_validator("voice", mode="before")
    @classmethod
    def _voice_object(cls, voice: object) -> object:
        return voice.get("id") if isinstance(voice, dict) else voice

    def options(self, service: SynthesisService) -> SynthesisOptions:
        """A tone is no speech to a client that cannot be told: it is left out unless asked for.

        Raises ModelNotFound, InvalidRequest.
        """
        engine = openai_names.speaker(self.model, service)
        voice = openai_names.voice(self.voice, service.voices())
        return SynthesisOptions(
            voice=voice.id if voice else openai_names.DEFAULT_VOICE,
            language=voice.language if voice else self.language,
            speed=self.speed,
            format=self.response_format,
            engine=engine,
            allow_simulated=engine == SIMULATED,
        )


@router.post("/speech")
async def speech(
    request: Request,
    body: SpeechRequest,
    _: Annotated[Principal, Depends(require_scope("voice:synthesize"))],
) -> Response:
    """The first bytes leave when the first sentence is spoken."""
    service: SynthesisService = request.app.state.synthesis
    begun = begun_stream(service, body.input, body.options(service), synthesis_deadline(request))
    spoken, chunks = await cancel_on_disconnect(request, begun)
    headers = report_headers(spoken.report, body.response_format)
    if body.stream_format == "sse":
        return event_stream(_events(chunks), headers)
    return StreamingResponse(chunks, media_type=MEDIA_TYPES[body.response_format], headers=headers)


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield event({"type": "speech.audio.delta", "audio": base64.b64encode(chunk).decode()})
    yield event({"type": "speech.audio.done"})
