"""Answers an upgrade with a status and a problem, before it is accepted."""

from starlette.types import Receive, Scope, Send

from services.common import problem_handlers, telemetry
from services.common.problems import ProblemError

_BEFORE_ACCEPT = "websocket.http.response"
"""ASGI's extension by which an upgrade is answered with a status of our own."""


async def refuse(problem: ProblemError, instance: str, scope: Scope, receive: Receive, send: Send) -> None:
    response = problem_handlers.problem_response(problem, instance)
    response.headers["X-Request-ID"] = telemetry.current_request_id()
    if _BEFORE_ACCEPT in scope.get("extensions", {}):
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close"})
