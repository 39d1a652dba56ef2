"""What a spoken conversation tells its client, in the vocabulary of OpenAI's Realtime API. Pure.

Source: OpenAI API reference, Realtime server events.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from services.common.openai_errors import openai_body
from services.common.problems import ProblemError

Event = dict[str, Any]
AUDIO_DELTA = "response.output_audio.delta"


def new_id(kind: str) -> str:
    """Such as `item_4f1c…`."""
    return f"{kind}_{secrets.token_hex(10)}"


def event(kind: str, **members: Any) -> Event:
    return {"type": kind, "event_id": new_id("event"), **members}


def error(problem: ProblemError, request_id: str, event_id: str | None = None) -> Event:
    """`event_id`: of the client's event that it is about."""
    body = openai_body(problem, request_id)["error"]
    return event("error", error={**body, "event_id": event_id})


def user_item(item_id: str, content: Mapping[str, Any], status: str = "completed") -> Event:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "role": "user",
        "status": status,
        "content": [content],
    }


def assistant_item(item_id: str, transcript: str, status: str) -> Event:
    content = [{"type": "output_audio", "transcript": transcript}] if status != "in_progress" else []
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def response_body(
    response_id: str,
    status: str,
    *,
    conversation_id: str,
    output: list[Event],
    metadata: Mapping[str, str],
    status_details: Mapping[str, Any] | None = None,
    usage: Mapping[str, int] | None = None,
) -> Event:
    """`metadata` has the latency of each stage, in milliseconds from the end of speech."""
    tokens = usage or {}
    return {
        "id": response_id,
        "object": "realtime.response",
        "status": status,
        "status_details": status_details,
        "conversation_id": conversation_id,
        "output": output,
        "output_modalities": ["audio"],
        "metadata": dict(metadata),
        "usage": {
            "input_tokens": tokens.get("prompt_tokens", 0),
            "output_tokens": tokens.get("completion_tokens", 0),
            "total_tokens": tokens.get("total_tokens", 0),
        },
    }
