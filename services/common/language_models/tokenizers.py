"""Has a server of OpenAI's dialect count a prompt's tokens, chat template included, where it offers to.

llama.cpp: `POST /v1/chat/completions/input_tokens`; vLLM: `POST /tokenize` with messages. Which of them a
server knows is found out once.
"""

from collections.abc import Sequence
from typing import Any

from services.common.language_models.openai_client import OpenAIClient, Refused
from services.common.language_models.provider import Message

_UNKNOWN_HERE = frozenset({400, 404, 405, 422, 501})
"""The statuses by which a server says that it has no such way."""


class TokenCounter:
    def __init__(self, client: OpenAIClient) -> None:
        root = client.base_url.removesuffix("/v1")
        self._ways = [
            (f"{client.base_url}/chat/completions/input_tokens", "input_tokens"),
            (f"{root}/tokenize", "count"),
        ]
        self._known = False
        self._client = client

    async def count(self, messages: Sequence[Message], model: str) -> int | None:
        """None where the server cannot. Raises ProviderFailed."""
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
            answer = await self._client.inquire("POST", address, body)
        except Refused as refusal:
            if refusal.status in _UNKNOWN_HERE:
                return {}
            raise
        return answer if isinstance(answer, dict) else {}
