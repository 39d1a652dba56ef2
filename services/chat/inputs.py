"""What a client may send, as types: shared by REST, the WebSocket and the paths."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, Field

MESSAGE_CHARS_MAX = 32_000
_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
SESSION_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


def _is_text(value: str) -> str:
    """Text that UTF-8 can hold (JSON's \\ud800 is none) and that says something."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("has half a surrogate pair") from None
    if not value.strip():
        raise ValueError("is blank")
    return value


MessageText = Annotated[str, Field(min_length=1, max_length=MESSAGE_CHARS_MAX), AfterValidator(_is_text)]
InstructionsText = Annotated[str, Field(min_length=1, max_length=8_000), AfterValidator(_is_text)]
TitleText = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_is_text)]
SessionId = Annotated[str, Field(pattern=SESSION_ID)]
MessageId = Annotated[str, Field(pattern=_ID)]
ModelName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")]
SessionIdPath = Annotated[str, Path(pattern=SESSION_ID)]
MessageIdPath = Annotated[str, Path(pattern=_ID)]
