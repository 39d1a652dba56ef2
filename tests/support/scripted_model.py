"""A model server of OpenAI's dialect that says what FakeChain would, as a process that can be killed.

`python -m tests.support.scripted_model PORT`
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.support.chat_chain import answer_words

MODEL = "scripted"
_SLOW_SECONDS = 0.01


async def _models(_: Request) -> Response:
    model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "tests", "max_model_len": 4096}
    return JSONResponse({"object": "list", "data": [model]})


async def _count(request: Request) -> Response:
    messages = (await request.json())["messages"]
    return JSONResponse({"input_tokens": sum(len(message["content"].split()) for message in messages)})


async def _complete(request: Request) -> Response:
    question = str((await request.json())["messages"][-1]["content"])
    return StreamingResponse(_stream(question), media_type="text/event-stream")


async def _stream(question: str) -> AsyncIterator[str]:
    words = answer_words(question)
    for word in words:
        if "be slow" in question:
            await asyncio.sleep(_SLOW_SECONDS)
        yield event([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
    yield event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    usage = {"prompt_tokens": len(question.split()), "completion_tokens": len(words)}
    yield event([], usage={**usage, "total_tokens": sum(usage.values())})
    yield "data: [DONE]\n\n"


def event(choices: list[dict[str, Any]], **more: object) -> str:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": choices}
    return f"data: {json.dumps({**chunk, **more})}\n\n"


ROUTES = [
    Route("/v1/models", _models),
    Route("/v1/chat/completions/input_tokens", _count, methods=["POST"]),
    Route("/v1/chat/completions", _complete, methods=["POST"]),
]

if __name__ == "__main__":
    uvicorn.run(Starlette(routes=ROUTES), port=int(sys.argv[1]), log_config=None, access_log=False)
