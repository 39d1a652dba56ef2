"""What every form with speech in it has: the admitted upload, its language, the format of the reply."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.requests import Request

from services.common.admission import Admission, Deadline
from services.common.problems import InvalidRequest
from services.voice.routes.upload import Upload, read_upload
from services.voice.settings import VoiceSettings
from services.voice.transcription.formats import ResponseFormat


class SpeechForm(BaseModel):
    """The form's fields beside the file. Unknown ones are ignored."""

    model_config = ConfigDict(extra="ignore")

    language: str | None = Field(default=None, pattern=r"^[a-zA-Z]{2,3}([_-][A-Za-z0-9]{2,8})*$")
    response_format: ResponseFormat = ResponseFormat.JSON

    @field_validator("language", mode="before")
    @classmethod
    def _auto_is_none(cls, language: object) -> object:
        return None if language in {"", "auto"} else language

    @property
    def primary_language(self) -> str | None:
        return self.language.replace("_", "-").split("-")[0].lower() if self.language else None


F = TypeVar("F", bound=SpeechForm)


def parsed(form_class: type[F], fields: Mapping[str, object]) -> F:
    """Raises InvalidRequest."""
    try:
        return form_class.model_validate(fields)
    except ValidationError as exc:
        errors = [{"field": _field(item["loc"]), "message": item["msg"]} for item in exc.errors()]
        raise InvalidRequest("A form field has a value that is not taken.", errors=errors) from exc


@asynccontextmanager
async def admitted_upload(request: Request, field: str) -> AsyncIterator[tuple[Upload, Deadline]]:
    """Admission comes before the body is read: a refusal costs the client no upload and us no memory.

    Where many come together, neither the reading nor the work begins while others are being turned away.
    """
    settings: VoiceSettings = request.app.state.settings
    uploads: Admission = request.app.state.upload_admission
    deadline = _deadline(request, settings)
    async with uploads.slot(deadline):
        await uploads.rush_is_over()
        upload = await read_upload(request, field, settings.voice_max_upload_bytes)
        try:
            await uploads.rush_is_over()
            yield upload, deadline
        finally:
            await upload.form.close()


def _deadline(request: Request, settings: VoiceSettings) -> Deadline:
    seconds = settings.voice_stt_deadline_seconds
    header = request.headers.get("x-request-timeout")
    return Deadline.from_header(header, default_seconds=seconds, max_seconds=seconds)


def _field(location: tuple[int | str, ...]) -> str:
    return str(location[0]) if location else "form"
