"""What a client may send to a language model, as types that every service's requests share."""

from typing import Annotated

from pydantic import AfterValidator, Field

MESSAGE_CHARS_MAX = 32_000


def is_text(value: str) -> str:
    """Text that UTF-8 can hold (JSON's \\ud800 is none) and that says something."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("has half a surrogate pair") from None
    if not value.strip():
        raise ValueError("is blank")
    return value


MessageText = Annotated[str, Field(min_length=1, max_length=MESSAGE_CHARS_MAX), AfterValidator(is_text)]
ModelName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
