"""POST /v1/audio/transcriptions and /v1/audio/translations, as OpenAI's clients call them.

Source: OpenAI API reference, Audio.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import Field, model_validator

from services.common.admission import Deadline
from services.common.auth import Principal, require_scope
from services.common.disconnect import cancel_on_disconnect
from services.voice import openai_names
from services.voice.routes.openai_events import event, event_stream
from services.voice.routes.openai_transcript import verbose
from services.voice.routes.speech_form import SpeechForm, admitted_upload, parsed
from services.voice.routes.upload import Upload
from services.voice.transcription.engine_selection import Requested
from services.voice.transcription.formats import MEDIA_TYPES, ResponseFormat, as_text
from services.voice.transcription.hearing import Ear, Heard
from services.voice.transcription.in_parts import transcribe_in_parts
from services.voice.transcription.service import Transcription, TranscriptionOptions, TranscriptionService

router = APIRouter(prefix="/v1/audio", tags=["openai"])
Caller = Annotated[Principal, Depends(require_scope("voice:transcribe"))]
_GRANULARITIES = "timestamp_granularities[]"
Granularity = Literal["word", "segment"]


class TranslationForm(SpeechForm):
    model: str = Field(min_length=1, max_length=128)
    prompt: str = Field(default="", max_length=8_000)
    temperature: float = Field(default=0.0, ge=0, le=1)

    def options(self, service: TranscriptionService, *, words: bool, translate: bool) -> TranscriptionOptions:
        """Raises ModelNotFound."""
        engine = openai_names.recogniser(self.model, service)
        return TranscriptionOptions(
            language=self.primary_language,
            engine=Requested.WHISPER if translate else engine,
            word_timestamps=words,
            prompt=self.prompt,
            temperature=self.temperature,
            translate=translate,
        )


class TranscriptionForm(TranslationForm):
    stream: bool = False
    timestamp_granularities: list[Granularity] = Field(default=[], alias=_GRANULARITIES, max_length=4)

    @model_validator(mode="after")
    def _times_need_room(self) -> "TranscriptionForm":
        if self.timestamp_granularities and self.response_format is not ResponseFormat.VERBOSE_JSON:
            raise ValueError(f"{_GRANULARITIES} needs response_format=verbose_json")
        return self


@router.post("/transcriptions")
async def transcriptions(request: Request, _: Caller) -> Response:
    """With `stream`, the admission is held until the last event; the engine has its own besides."""
    service: TranscriptionService = request.app.state.transcription
    async with AsyncExitStack() as stack:
        upload, deadline = await stack.enter_async_context(admitted_upload(request, "file"))
        form = parsed(TranscriptionForm, _fields(upload))
        words = "word" in form.timestamp_granularities
        options = form.options(service, words=words, translate=False)
        heard = await cancel_on_disconnect(request, _hear(request, upload, deadline))
        if form.stream:
            parts = transcribe_in_parts(service, heard, options, deadline)
            first = await cancel_on_disconnect(request, _first(parts))
            return event_stream(_until_closed(_events(first, parts), stack.pop_all()), {})
        work = service.transcribe(heard.samples, heard.speech, options, deadline)
        result = await cancel_on_disconnect(request, work)
    return _response(result, form, "transcribe", form.timestamp_granularities)


@router.post("/translations")
async def translations(request: Request, _: Caller) -> Response:
    """Into English, which Whisper alone can do."""
    service: TranscriptionService = request.app.state.transcription
    async with admitted_upload(request, "file") as (upload, deadline):
        form = parsed(TranslationForm, upload.fields)
        options = form.options(service, words=False, translate=True)
        heard = await cancel_on_disconnect(request, _hear(request, upload, deadline))
        work = service.transcribe(heard.samples, heard.speech, options, deadline)
        result = await cancel_on_disconnect(request, work)
    return _response(result, form, "translate", [])


def _fields(upload: Upload) -> dict[str, object]:
    """A list comes as a field that is there several times."""
    return {**upload.fields, _GRANULARITIES: upload.form.getlist(_GRANULARITIES)}


async def _hear(request: Request, upload: Upload, deadline: Deadline) -> Heard:
    ear: Ear = request.app.state.ear
    return await ear.hear(upload.file, upload.size_bytes, deadline)


async def _first(parts: AsyncIterator[Transcription]) -> Transcription | None:
    """Before the headers leave, so that an engine's failure still has a status of its own."""
    return await anext(parts, None)


async def _events(first: Transcription | None, rest: AsyncIterator[Transcription]) -> AsyncIterator[bytes]:
    texts: list[str] = []
    if first is not None:
        yield _delta(texts, first)
    async for part in rest:
        yield _delta(texts, part)
    yield event({"type": "transcript.text.done", "text": "".join(texts)})


def _delta(texts: list[str], part: Transcription) -> bytes:
    texts.append(part.text if not any(texts) or not part.text else f" {part.text}")
    return event({"type": "transcript.text.delta", "delta": texts[-1]})


async def _until_closed(events: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncIterator[bytes]:
    async with stack:
        async for one in events:
            yield one


def _response(
    result: Transcription, form: TranslationForm, task: str, granularities: list[Granularity]
) -> Response:
    headers = {"X-Engine": result.engine or "none", "X-Degraded": str(result.degraded).lower()}
    chosen = form.response_format
    if chosen in MEDIA_TYPES:
        return PlainTextResponse(as_text(result, chosen), headers=headers, media_type=MEDIA_TYPES[chosen])
    usage = {"type": "duration", "seconds": round(result.duration_seconds, 3)}
    body: dict[str, Any] = {"text": result.text, "usage": usage}
    if chosen is ResponseFormat.VERBOSE_JSON:
        body |= verbose(result, task, form.temperature, granularities or ["segment"])
    return JSONResponse(body, headers=headers)
