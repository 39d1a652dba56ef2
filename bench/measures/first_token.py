"""What a message pays for being kept, counted, admitted and passed on, over the model server asked directly.

The same prompt goes to the model server itself, and through the gateway, by turns; both find it in the
server's prompt cache, so that the model's own part is short and the same. What differs is ours.
"""

import json
import secrets
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx

from bench.report import Row
from services.chat.settings import ChatSettings
from tests.support.local_stack import LocalStack

ROUNDS = 40
GOAL_SECONDS = 0.005
QUESTION = "Say yes."
ANSWER_TOKENS = 8
_SYSTEM = ChatSettings.model_fields["chat_system_prompt"].default
_MESSAGES = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": QUESTION}]
_CHAT = "/api/v1/chat-service/api/v1/chat"
_SESSIONS = f"{_CHAT}/sessions"
_SETTLE_SECONDS = 0.15
"""For the model to notice that a reply is not wanted any more."""
_COMPLETIONS = "/v1/chat/completions"


def overhead(stack: LocalStack) -> list[Row]:
    return [
        _row("POST /api/v1/chat as events", stack, _asked_of_the_chat),
        _row("POST /v1/chat/completions", stack, _asked_of_the_relay),
    ]


def _row(what: str, stack: LocalStack, ask: Callable[[httpx.Client, str], float]) -> Row:
    pairs: list[tuple[float, float]] = []
    server = stack.inner_url("language-model-server")
    with (
        httpx.Client(base_url=server, timeout=300) as direct,
        httpx.Client(base_url=stack.base_url, timeout=300) as gateway,
    ):
        for number in range(ROUNDS + 1):
            token = stack.token(f"bench-{number % 8}")  # each user has a limit of his own
            _asked_directly(direct)  # so that both find the model server as such a request leaves it
            pairs.append((_asked_directly(direct), ask(gateway, token)))
    _, *pairs = pairs  # the first of them fills the caches
    base, ours = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
    extra = statistics.median(ours - base for base, ours in pairs)
    measured = f"{1000 * extra:+.1f} ms ({ours:.1f} ms, directly {base:.1f} ms; medians of {ROUNDS})"
    return Row(f"first token through the gateway, {what}", measured, "≤ +5 ms", extra <= GOAL_SECONDS)


def _asked_directly(client: httpx.Client) -> float:
    """Anew where the server had closed the kept connection, as llama.cpp's does now and then."""
    body = {"messages": _MESSAGES, "stream": True, "max_tokens": ANSWER_TOKENS}
    while True:
        with suppress(httpx.RemoteProtocolError):
            return _first_text(client, _COMPLETIONS, body, {}, _openai_text)


def _asked_of_the_relay(client: httpx.Client, token: str) -> float:
    body = {"model": "default", "messages": _MESSAGES, "stream": True, "max_tokens": ANSWER_TOKENS}
    return _first_text(client, _COMPLETIONS, body, _bearer(token), _openai_text)


def _asked_of_the_chat(client: httpx.Client, token: str) -> float:
    """In a session of its own, which goes afterwards, and with it a reply that would run on."""
    session, headers = secrets.token_hex(8), _bearer(token)
    body = {"message": QUESTION, "session_id": session, "stream": True}
    seconds = _first_text(client, _CHAT, body, headers, _delta_text, to_the_end=False)
    client.delete(f"{_SESSIONS}/{session}", headers=headers).raise_for_status()
    time.sleep(_SETTLE_SECONDS)
    return seconds


def _first_text(
    client: httpx.Client,
    path: str,
    body: dict[str, Any],
    headers: dict[str, str],
    text_of: Callable[[dict[str, Any]], str | None],
    *,
    to_the_end: bool = True,
) -> float:
    """Seconds to the first text. Read to the end, an answer does not disturb the next."""
    seconds = None
    started = time.perf_counter()
    with client.stream("POST", path, json=body, headers=headers) as answer:
        assert answer.status_code == httpx.codes.OK, answer.read()
        for line in answer.iter_lines():
            if seconds is None and line.startswith("data: {") and text_of(json.loads(line[6:])):
                seconds = time.perf_counter() - started
                if not to_the_end:
                    break
    assert seconds is not None, "no text came"
    return seconds


def _openai_text(chunk: dict[str, Any]) -> str | None:
    return next((choice["delta"].get("content") for choice in chunk["choices"]), None)


def _delta_text(frame: dict[str, Any]) -> str | None:
    return frame.get("content")


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
