"""Has a server of OpenAI's dialect count a prompt's tokens, chat template included, where it offers to.

llama.cpp: `POST /v1/chat/completions/input_tokens`; vLLM: `POST /tokenize` with messages. Which of them a
server knows is found out once.
"""

from collections.abc import Sequence
from typing import Any

import openai

from services.common.language_models.provider import Message


class TokenCounter:
    def __init__(self, client: openai.AsyncOpenAI, base_url: str, timeout_seconds: float) -> None:
        root = base_url.removesuffix("/v1")
        self._ways = [
            (f"{base_url}/chat/completions/input_tokens", "input_tokens"),
            (f"{root}/tokenize", "count"),
        ]
        self._known = False
        self._client = client
        self._timeout_seconds = timeout_seconds

    async def count(self, messages: Sequence[Message], model: str) -> int | None:
        """None where the server cannot. Raises openai.APIError."""
        body = {
            "model": model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
        }
        for way in self._ways:
            found = (await self._ask(way[0], body)).get(way[1])
            if isinstance(found, int):
                self._ways, self._known = [way], True
                return found
        if not self._known:
            self._ways = []
        return None

    async def _ask(self, address: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._client.post(
                address, cast_to=object, body=body, options={"timeout": self._timeout_seconds}
            )
        except (openai.NotFoundError, openai.BadRequestError, openai.UnprocessableEntityError):
            return {}
        except openai.APIStatusError as exc:
            if exc.status_code in {405, 501}:
                return {}
            raise
        return answer if isinstance(answer, dict) else {}
