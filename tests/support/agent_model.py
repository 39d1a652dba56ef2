"""A model server of OpenAI's dialect for real agents: drafts and verdicts are said in the order given."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from tests.support.scripted_model import ROUTES, event

FAILS = "<fails>"
_CHECK = "about to be given"
"""What is asked of a model that judges a draft; see services/agent/prompting.py."""


@dataclass
class AgentModel:
    """The last of each list stays. FAILS: busy. `word_seconds`: between the words of a draft."""

    drafts: list[str] = field(default_factory=lambda: ["It is four."])
    verdicts: list[str] = field(default_factory=lambda: ["PASS"])
    word_seconds: float = 0.0
    asked: list[str] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        app.add_api_route("/v1/chat/completions", self._complete, methods=["POST"])
        app.router.routes.extend(ROUTES)
        return app

    async def _complete(self, request: Request) -> Response:
        asked = str((await request.json())["messages"][-1]["content"])
        is_check = _CHECK in asked
        script = self.verdicts if is_check else self.drafts
        text = script.pop(0) if len(script) > 1 else script[0]
        self.asked.append(asked)
        if text == FAILS:
            return JSONResponse({"error": {"code": 503, "message": "Loading model"}}, status_code=503)
        words = self._words(text, 0.0 if is_check else self.word_seconds)
        return StreamingResponse(words, media_type="text/event-stream")

    async def _words(self, text: str, pause_seconds: float) -> AsyncIterator[str]:
        for word in text.split():
            await asyncio.sleep(pause_seconds)
            yield event([{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}])
        yield event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        yield event([], usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2})
        yield "data: [DONE]\n\n"
