"""Server-sent events as OpenAI's audio endpoints send them: one JSON object each, its type within it."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi.responses import StreamingResponse

from services.common import telemetry
from services.common.openai_errors import openai_body
from services.common.problems import ProblemError


def event(content: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(content, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def event_stream(events: AsyncIterator[bytes], headers: Mapping[str, str]) -> StreamingResponse:
    return StreamingResponse(
        _or_error(events), media_type="text/event-stream", headers={**headers, "Cache-Control": "no-store"}
    )


async def _or_error(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A stream that fails midway ends with the error; the stock client raises it."""
    try:
        async for one in events:
            yield one
    except ProblemError as problem:
        yield b"event: error\n" + event(openai_body(problem, telemetry.current_request_id()))
