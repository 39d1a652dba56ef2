"""POST /api/v1/voice/tts/synthesize and GET /api/v1/voice/voices."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from services.common.admission import Deadline
from services.common.auth import Principal, require_scope
from services.common.disconnect import cancel_on_disconnect
from services.voice.settings import VoiceSettings
from services.voice.synthesis.chain import Report
from services.voice.synthesis.encoding import MEDIA_TYPES, AudioFormat, sample_rate_hz
from services.voice.synthesis.service import SpokenStream, SynthesisOptions, SynthesisService

router = APIRouter(prefix="/api/v1/voice", tags=["synthesis"])
_EXTENSIONS = {AudioFormat.OPUS: "ogg"}


class SynthesizeRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=10_000)
    voice: str = Field(default="default", max_length=64)
    language: str = Field(default="en", pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*$")
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    format: AudioFormat = AudioFormat.WAV
    engine: str | None = Field(default=None, max_length=32)
    allow_simulated: bool = True
    stream: bool = False

    @property
    def options(self) -> SynthesisOptions:
        return SynthesisOptions(
            self.voice, self.language, self.speed, self.format, self.engine, self.allow_simulated
        )


@router.post("/tts/synthesize")
async def synthesize(
    request: Request,
    body: SynthesizeRequest,
    _: Annotated[Principal, Depends(require_scope("voice:synthesize"))],
) -> Response:
    """A stream's headers tell of its first sentence, since no later header can be sent; a file's, of all."""
    service: SynthesisService = request.app.state.synthesis
    deadline = synthesis_deadline(request)
    if body.stream:
        return await cancel_on_disconnect(request, _streamed(service, body, deadline))
    spoken = await cancel_on_disconnect(request, service.speak(body.text, body.options, deadline))
    return Response(
        spoken.audio, media_type=MEDIA_TYPES[body.format], headers=report_headers(spoken.report, body.format)
    )


@router.get("/voices")
async def voices(
    request: Request, _: Annotated[Principal, Depends(require_scope("voice:synthesize"))]
) -> dict[str, Any]:
    service: SynthesisService = request.app.state.synthesis
    return {"voices": [asdict(voice) for voice in service.voices()]}


async def _streamed(service: SynthesisService, body: SynthesizeRequest, deadline: Deadline) -> Response:
    spoken, chunks = await begun_stream(service, body.text, body.options, deadline)
    return StreamingResponse(
        chunks, media_type=MEDIA_TYPES[body.format], headers=report_headers(spoken.report, body.format)
    )


async def begun_stream(
    service: SynthesisService, text: str, options: SynthesisOptions, deadline: Deadline
) -> tuple[SpokenStream, AsyncIterator[bytes]]:
    """A stream whose first sentence is spoken, and its bytes; raises before anything is sent."""
    stack = AsyncExitStack()
    spoken = await stack.enter_async_context(service.stream(text, options, deadline))
    return spoken, _until_closed(spoken.chunks, stack)


async def _until_closed(chunks: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncIterator[bytes]:
    """Leaves the service's block when the stream ends, fails, or its client goes away."""
    async with stack:
        async for chunk in chunks:
            if chunk:
                yield chunk


def synthesis_deadline(request: Request) -> Deadline:
    settings: VoiceSettings = request.app.state.settings
    seconds = settings.voice_tts_deadline_seconds
    header = request.headers.get("x-request-timeout")
    return Deadline.from_header(header, default_seconds=seconds, max_seconds=seconds)


def report_headers(report: Report, chosen: AudioFormat) -> dict[str, str]:
    return {
        "X-Engine": report.engine,
        "X-Degraded": str(report.degraded).lower(),
        "X-Attempts": report.attempts_header(),
        "X-Sample-Rate": str(sample_rate_hz(chosen)),
        "Content-Disposition": f'inline; filename="speech.{_EXTENSIONS.get(chosen, chosen.value)}"',
    }
