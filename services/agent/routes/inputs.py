"""The names that a client may use for a thread."""

from typing import Annotated

from fastapi import Path
from pydantic import Field

_THREAD_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"

ThreadId = Annotated[str, Field(pattern=_THREAD_ID)]
ThreadIdPath = Annotated[str, Path(pattern=_THREAD_ID)]
