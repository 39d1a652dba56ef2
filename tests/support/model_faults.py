"""What can go wrong with a model server, for the test servers of both dialects."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import StrEnum

PIECES_BEFORE_THE_MIDDLE = 2


class Fault(StrEnum):
    NONE = "none"
    MODEL_MISSING = "model_missing"
    SERVER_ERROR = "server_error"
    BUSY = "busy"
    STALL_BEFORE_FIRST_TOKEN = "stall_before_first_token"
    STALL_IN_THE_MIDDLE = "stall_in_the_middle"
    MALFORMED_LINE = "malformed_line"
    ERROR_LINE = "error_line"
    DROPPED_CONNECTION = "dropped_connection"
    ENDS_WITHOUT_DONE = "ends_without_done"


class Dropped(Exception):
    """Raised inside of a streamed response: the server breaks the connection off."""


async def faulty(
    lines: AsyncGenerator[bytes, None], fault: Fault, *, malformed: bytes, error: bytes
) -> AsyncGenerator[bytes, None]:
    """The lines, up to where the fault strikes. `malformed`, `error`: those lines in the server's dialect."""
    if fault is Fault.STALL_BEFORE_FIRST_TOKEN:
        await asyncio.Event().wait()
    async with aclosing(lines):
        sent = 0
        async for line in lines:
            yield line
            sent += 1
            if sent == PIECES_BEFORE_THE_MIDDLE and fault is not Fault.NONE:
                break
        else:
            return
    match fault:
        case Fault.STALL_IN_THE_MIDDLE:
            await asyncio.Event().wait()
        case Fault.MALFORMED_LINE:
            yield malformed
        case Fault.ERROR_LINE:
            yield error
        case Fault.DROPPED_CONNECTION:
            raise Dropped
