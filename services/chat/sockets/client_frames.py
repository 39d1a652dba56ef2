"""What a client may send over the WebSocket."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from services.chat.inputs import MessageId
from services.common.inputs import MessageText, ModelName
from services.common.problems import InvalidRequest

_SEQ_MAX = 2**53
"""The largest whole number that every JSON reader has."""


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class MessageFrame(_Frame):
    """`id`: the client's own; the same one again is the same message."""

    type: Literal["message"]
    content: MessageText
    id: MessageId | None = None
    model: ModelName | None = None


class CancelFrame(_Frame):
    """`message_id`: the reply's, as the ack has it."""

    type: Literal["cancel"]
    message_id: MessageId


class ResumeFrame(_Frame):
    type: Literal["resume"]
    message_id: MessageId
    after_seq: int = Field(default=0, ge=0, le=_SEQ_MAX)


class PingFrame(_Frame):
    type: Literal["ping"]
    id: MessageId | None = None


ClientFrame = MessageFrame | CancelFrame | ResumeFrame | PingFrame
_FRAMES: TypeAdapter[ClientFrame] = TypeAdapter(Annotated[ClientFrame, Field(discriminator="type")])


class BadFrame(InvalidRequest):
    """`frame_id`: the id that the frame gave itself, where it is legible."""

    def __init__(self, detail: str, frame_id: str | None = None, **members: list[dict[str, str]]) -> None:
        super().__init__(detail, headers=None, **members)
        self.frame_id = frame_id


def parse(text: str) -> ClientFrame:
    """Raises BadFrame, which names the fields that were refused and never echoes a value."""
    try:
        raw = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise BadFrame("The frame is not JSON.") from None
    try:
        return _FRAMES.validate_python(raw)
    except ValidationError as exc:
        raise BadFrame("The frame is none of this protocol's.", _id(raw), errors=_errors(exc)) from None


def _errors(error: ValidationError) -> list[dict[str, str]]:
    return [
        {"field": ".".join(str(part) for part in item["loc"][1:]) or "type", "message": item["msg"]}
        for item in error.errors(include_input=False, include_url=False)
    ]


def _id(raw: Any) -> str | None:
    found = raw.get("id") if isinstance(raw, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= 128 and found.isprintable() else None
