"""What a client may send besides a message (services/common/inputs.py): REST, the WebSocket and the paths."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, Field

from services.common.inputs import is_text

_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
SESSION_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


InstructionsText = Annotated[str, Field(min_length=1, max_length=8_000), AfterValidator(is_text)]
TitleText = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(is_text)]
SessionId = Annotated[str, Field(pattern=SESSION_ID)]
MessageId = Annotated[str, Field(pattern=_ID)]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")]
SessionIdPath = Annotated[str, Path(pattern=SESSION_ID)]
MessageIdPath = Annotated[str, Path(pattern=_ID)]
