"""A server that speaks Ollama's protocol, with llama.cpp behind it, and that can fail on request.

Source: Ollama, docs/api.md. `python -m tests.support.ollama_server --port 11434 --behind
http://127.0.0.1:8009 [--fault stall_in_the_middle]` runs it by itself.
"""

import argparse
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from tests.support.model_faults import Fault, faulty

MODEL = "smollm2:latest"
_MALFORMED = b'{"model":"smollm2:latest","message":{"role":"assis\n'
_ERROR_LINE = b'{"error":"llama runner process has terminated: exit status 2"}\n'
_STARTED_AT = datetime.now(UTC)
_OPTIONS = {"num_predict": "max_tokens"} | {
    name: name
    for name in (
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "seed",
        "stop",
        "frequency_penalty",
        "presence_penalty",
        "repeat_penalty",
    )
}
"""Ollama's name of an option → llama.cpp's."""


@dataclass
class OllamaServer:
    """`behind`: the address of a llama.cpp server. `fault` may be changed at any time."""

    behind: str
    fault: Fault = Fault.NONE
    answering: int = 0
    """Answers under way: back at 0 when their readers have gone."""

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        app.add_api_route("/", _running, methods=["GET", "HEAD"])
        app.add_api_route("/api/version", _version)
        app.add_api_route("/api/tags", self._tags)
        app.add_api_route("/api/ps", self._running_models)
        app.add_api_route("/api/show", self._show, methods=["POST"])
        app.add_api_route("/api/chat", self._chat, methods=["POST"])
        app.exception_handler(_Refused)(_refused)
        app.exception_handler(404)(lambda request, error: PlainTextResponse("404 page not found", 404))
        return app

    async def _tags(self) -> dict[str, Any]:
        return {"models": [] if self.fault is Fault.MODEL_MISSING else [{**_LISTED, "details": _DETAILS}]}

    async def _running_models(self) -> dict[str, Any]:
        expires_at = _timestamp(datetime.now(UTC) + timedelta(minutes=5))
        loaded = {**_LISTED, "details": _DETAILS, "expires_at": expires_at, "size_vram": 0}
        return {"models": [loaded | {"context_length": await self._context_tokens()}]}

    async def _show(self, request: Request) -> dict[str, Any]:
        self._known(await _json(request))
        return {
            "modelfile": f"FROM {MODEL}\n",
            "parameters": "",
            "template": "{{ .Prompt }}",
            "details": _DETAILS,
            "model_info": {
                "general.architecture": "llama",
                "general.parameter_count": 134515008,
                "llama.context_length": await self._context_tokens(),
                "llama.embedding_length": 576,
            },
            "capabilities": ["completion"],
            "modified_at": _LISTED["modified_at"],
        }

    async def _chat(self, request: Request) -> Response:
        body = await _json(request)
        model = self._known(body)
        if self.fault is Fault.SERVER_ERROR:
            raise _Refused(500, "llama runner process has terminated: exit status 2")
        if self.fault is Fault.BUSY:
            raise _Refused(503, "server busy, please try again.  maximum pending requests exceeded")
        messages = body.get("messages") or []
        if not messages:
            return JSONResponse(_loaded(model, unload=body.get("keep_alive") == 0))
        lines = self._lines(model, await self._truncated(messages, body), body.get("options") or {})
        if body.get("stream", True):
            wrapped = faulty(lines, self.fault, malformed=_MALFORMED, error=_ERROR_LINE)
            return StreamingResponse(wrapped, media_type="application/x-ndjson")
        return JSONResponse(await _in_one_piece(lines))

    def _known(self, body: dict[str, Any]) -> str:
        """The model's name as it was asked for."""
        name = body.get("model") or body.get("name") or ""
        if not name:
            raise _Refused(400, "model is required")
        tagged = name if ":" in name else f"{name}:latest"
        if tagged != MODEL or self.fault is Fault.MODEL_MISSING:
            raise _Refused(404, f"model '{name}' not found")
        return str(name)

    async def _truncated(self, messages: list[dict[str, Any]], body: dict[str, Any]) -> list[dict[str, Any]]:
        """As Ollama does: without a word the oldest go, until the rest fits in the window."""
        window = min((body.get("options") or {}).get("num_ctx", 4096), await self._context_tokens())
        system = [message for message in messages if message["role"] == "system"]
        rest = [message for message in messages if message["role"] != "system"]
        while len(rest) > 1 and await self._tokens([*system, *rest]) > window:
            rest = rest[1:]
        return [*system, *rest]

    async def _tokens(self, messages: Sequence[dict[str, Any]]) -> int:
        answer = await self._ask("POST", "/v1/chat/completions/input_tokens", {"messages": messages})
        return int(answer["input_tokens"])

    async def _context_tokens(self) -> int:
        return int((await self._ask("GET", "/v1/models"))["data"][0]["meta"]["n_ctx"])

    async def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.request(method, f"{self.behind}{path}", json=body)
            return dict(answer.json())

    async def _lines(
        self, model: str, messages: list[dict[str, Any]], options: dict[str, Any]
    ) -> AsyncGenerator[bytes, None]:
        """The answer of llama.cpp in Ollama's words, a line for every piece, the last with the counts."""
        known = {_OPTIONS[name]: value for name, value in options.items() if name in _OPTIONS}
        body = {**known, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
        started = time.perf_counter_ns()
        reason, counts = "stop", {}
        self.answering += 1
        try:
            async for chunk in _chunks(f"{self.behind}/v1/chat/completions", body):
                for choice in chunk["choices"]:
                    reason = choice["finish_reason"] or reason
                    if choice["delta"].get("content"):
                        yield _line(model, content=choice["delta"]["content"], done=False)
                if "usage" in chunk and "timings" in chunk:
                    counts = _counts(chunk, time.perf_counter_ns() - started)
            yield _line(model, content="", done=True, done_reason=reason, **counts)
        finally:
            self.answering -= 1


async def _chunks(url: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    async with httpx.AsyncClient(timeout=300) as client, client.stream("POST", url, json=body) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))


def _line(model: str, *, content: str, **members: object) -> bytes:
    message = {"role": "assistant", "content": content}
    line = {"model": model, "created_at": _timestamp(datetime.now(UTC)), "message": message, **members}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _counts(chunk: dict[str, Any], total_ns: int) -> dict[str, int]:
    timings, usage = chunk["timings"], chunk["usage"]
    return {
        "total_duration": total_ns,
        "load_duration": 1_000_000,
        "prompt_eval_count": usage["prompt_tokens"],
        "prompt_eval_duration": int(timings["prompt_ms"] * 1e6),
        "eval_count": usage["completion_tokens"],
        "eval_duration": int(timings["predicted_ms"] * 1e6),
    }


async def _in_one_piece(lines: AsyncGenerator[bytes, None]) -> dict[str, Any]:
    parsed = [json.loads(line) async for line in lines]
    content = "".join(line["message"]["content"] for line in parsed)
    return {**parsed[-1], "message": {"role": "assistant", "content": content}}


def _loaded(model: str, *, unload: bool) -> dict[str, Any]:
    reason = "unload" if unload else "load"
    return dict(json.loads(_line(model, content="", done_reason=reason, done=True)))


class _Refused(Exception):
    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, _Refused)
    return JSONResponse({"error": str(error)}, status_code=error.status)


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except json.JSONDecodeError as exc:
        raise _Refused(400, str(exc)) from exc
    if not isinstance(body, dict):
        raise _Refused(400, "json: cannot unmarshal into Go value of type api.ChatRequest")
    return body


async def _running() -> PlainTextResponse:
    return PlainTextResponse("Ollama is running")


async def _version() -> dict[str, str]:
    return {"version": "0.12.6"}


def _timestamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "134.52M",
    "quantization_level": "Q4_1",
}
_LISTED = {
    "name": MODEL,
    "model": MODEL,
    "modified_at": _timestamp(_STARTED_AT),
    "size": 98362432,
    "digest": hashlib.sha256(MODEL.encode()).hexdigest(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=11434)
    parser.add_argument("--behind", default="http://127.0.0.1:8009", help="a llama.cpp server")
    parser.add_argument("--fault", type=Fault, choices=list(Fault), default=Fault.NONE)
    asked = parser.parse_args()
    uvicorn.run(OllamaServer(asked.behind, asked.fault).app(), port=asked.port, log_level="warning")


if __name__ == "__main__":
    main()
