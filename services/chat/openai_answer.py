"""How POST /v1/chat/completions says what it says: whole, or in chunks. Pure.

Source: OpenAI API reference, the chat completion object and the chat completion chunk object.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any

from services.common.language_models.provider import Finished, Started, Usage
from services.common.sse import compact

DONE = b"data: [DONE]\n\n"


class CompletionWriter:
    """One answer: its id, its time and its model are the same in every chunk."""

    def __init__(
        self, started: Started, *, include_usage: bool = False, tools_left_alone: bool = False
    ) -> None:
        self._started = started
        self._include_usage = include_usage
        self._tools_left_alone = tools_left_alone
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())

    @property
    def headers(self) -> Mapping[str, str]:
        """A fallback is visible, and so are tools that no model was told of; the dialect has no field."""
        return {
            "X-Provider": self._started.provider,
            "X-Degraded": str(self._started.degraded).lower(),
            **({"X-Tools": "left-alone"} if self._tools_left_alone else {}),
        }

    def whole(self, content: str, finished: Finished) -> dict[str, Any]:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": content, "refusal": None},
            "logprobs": None,
            "finish_reason": finished.finish_reason,
        }
        return {**self._head("chat.completion"), "choices": [choice], "usage": _usage(finished.usage)}

    def first(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def delta(self, content: str) -> bytes:
        return self._chunk({"content": content})

    def last(self, finished: Finished) -> bytes:
        """Why it ended, what it cost if that was asked for, and the mark of the end."""
        ending = self._chunk({}, finished.finish_reason)
        if not self._include_usage:
            return ending + DONE
        usage = {**self._head("chat.completion.chunk"), "choices": [], "usage": _usage(finished.usage)}
        return ending + _event(usage) + DONE

    def _chunk(self, delta: Mapping[str, str], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        chunk: dict[str, Any] = {**self._head("chat.completion.chunk"), "choices": [choice]}
        return _event({**chunk, "usage": None} if self._include_usage else chunk)

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._started.model}


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _event(content: object) -> bytes:
    return f"data: {compact(content)}\n\n".encode()
