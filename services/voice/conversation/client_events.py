"""What a client may send in a spoken conversation. Unknown fields are ignored, unknown values refused.

Source: OpenAI API reference, Realtime client events.
"""

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from services.common.problems import InvalidRequest

RATE_HZ = 24_000


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PcmFormat(_Lenient):
    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24_000] = 24_000


class TurnDetection(_Lenient):
    """`semantic_vad` is the same detection: the words are always looked at."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float | None = Field(default=None, gt=0, lt=1)
    prefix_padding_ms: int | None = Field(default=None, ge=0, le=2_000)
    silence_duration_ms: int | None = Field(default=None, ge=100, le=10_000)
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


class InputTranscription(_Lenient):
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    prompt: str = Field(default="", max_length=2_000)


class AudioInput(_Lenient):
    format: PcmFormat | None = None
    transcription: InputTranscription | None = None
    turn_detection: TurnDetection | None = Field(default_factory=TurnDetection)


class AudioOutput(_Lenient):
    format: PcmFormat | None = None
    voice: str | None = Field(default=None, max_length=64)
    speed: float = Field(default=1.0, ge=0.25, le=1.5)


class Audio(_Lenient):
    input: AudioInput | None = None
    output: AudioOutput | None = None


class SessionChange(_Lenient):
    type: Literal["realtime"] = "realtime"
    audio: Audio | None = None
    output_modalities: list[Literal["audio"]] | None = None
    instructions: str | None = Field(default=None, max_length=8_000)


class SessionUpdate(_Lenient):
    type: Literal["session.update"]
    session: SessionChange


def _pcm(audio: object) -> object:
    """pydantic's own base64 passes over what is none."""
    try:
        return base64.b64decode(audio, validate=True) if isinstance(audio, str) else audio
    except ValueError:
        raise ValueError("is not base64") from None


class AudioAppend(_Lenient):
    type: Literal["input_audio_buffer.append"]
    audio: Annotated[bytes, BeforeValidator(_pcm)]


class AudioCommit(_Lenient):
    type: Literal["input_audio_buffer.commit"]


class AudioClear(_Lenient):
    type: Literal["input_audio_buffer.clear"]


class TextContent(_Lenient):
    type: Literal["input_text"]
    text: str = Field(min_length=1, max_length=32_000)


class UserMessage(_Lenient):
    id: str | None = Field(default=None, min_length=1, max_length=64)
    type: Literal["message"]
    role: Literal["user"]
    content: list[TextContent] = Field(min_length=1, max_length=16)

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.content)


class ItemCreate(_Lenient):
    type: Literal["conversation.item.create"]
    item: UserMessage


class ItemTruncate(_Lenient):
    type: Literal["conversation.item.truncate"]
    item_id: str = Field(max_length=64)
    audio_end_ms: int = Field(ge=0)
    content_index: int = 0


class ResponseParameters(_Lenient):
    instructions: str | None = Field(default=None, max_length=8_000)


class ResponseCreate(_Lenient):
    type: Literal["response.create"]
    response: ResponseParameters | None = None


class ResponseCancel(_Lenient):
    type: Literal["response.cancel"]
    response_id: str | None = None


ClientEvent = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | ItemCreate
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)
_EVENTS: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])


def parse(message: Mapping[str, Any]) -> ClientEvent:
    """Raises InvalidRequest, which names the fields that were refused and echoes no value."""
    try:
        return _EVENTS.validate_python(message)
    except ValidationError as exc:
        errors = [
            {"field": ".".join(str(part) for part in item["loc"][1:]) or "type", "message": item["msg"]}
            for item in exc.errors(include_input=False, include_url=False)
        ]
        raise InvalidRequest("The event is not one that is taken here.", errors=errors) from None
