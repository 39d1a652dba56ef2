"""llama.cpp's server with faults: what it says of itself and its answers pass through, until one strikes."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from tests.support.model_faults import Fault, faulty

_MALFORMED = b'data: {"choices":[{"del\n\n'
_ERROR_LINE = b'data: {"error":{"code":500,"message":"failed to decode","type":"server_error"}}\n\n'


@dataclass
class OpenAIServer:
    """`behind`: the address of a llama.cpp server. `fault` may be changed at any time."""

    behind: str
    fault: Fault = Fault.NONE
    answering: int = 0

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        app.add_api_route("/v1/chat/completions", self._chat, methods=["POST"])
        app.add_api_route("/{path:path}", self._pass_through, methods=["GET", "POST"])
        return app

    async def _chat(self, request: Request) -> Response:
        match self.fault:
            case Fault.MODEL_MISSING:
                return _error(404, "The model does not exist", "invalid_request_error")
            case Fault.SERVER_ERROR:
                return _error(500, "failed to decode", "server_error")
            case Fault.BUSY:
                return _error(503, "Loading model", "unavailable_error")
        lines = self._events(await request.body())
        wrapped = faulty(lines, self.fault, malformed=_MALFORMED, error=_ERROR_LINE)
        return StreamingResponse(wrapped, media_type="text/event-stream")

    async def _pass_through(self, request: Request, path: str) -> Response:
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.request(
                request.method, f"{self.behind}/{path}", content=await request.body()
            )
        return Response(answer.content, answer.status_code, media_type=answer.headers["content-type"])

    async def _events(self, body: bytes) -> AsyncGenerator[bytes, None]:
        url = f"{self.behind}/v1/chat/completions"
        self.answering += 1
        try:
            async with (
                httpx.AsyncClient(timeout=300) as client,
                client.stream("POST", url, content=body) as answer,
            ):
                async for line in answer.aiter_lines():
                    if line:
                        yield f"{line}\n\n".encode()
        finally:
            self.answering -= 1


def _error(status: int, message: str, kind: str) -> JSONResponse:
    return JSONResponse({"error": {"code": status, "message": message, "type": kind}}, status_code=status)
