"""Around every HTTP request: its id, its log line, its metrics. Pure ASGI, so that streams stay streams."""

import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common import problem_handlers, telemetry
from services.common.disconnect import ClientGone
from services.common.metrics import HttpMetrics

_log = telemetry.get_logger()
NOTHING_SENT = 499
"""Logged when no reply was begun: the client went away first. nginx's code for it."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestContextMiddleware:
    """Binds the request id, counts and times the request, and logs one line at its end."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics, quiet_paths: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._quiet_paths = quiet_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = telemetry.bind_request_id(_header(scope, b"x-request-id"))
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        await self._serve(scope, receive, send, request_id)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        status = NOTHING_SENT
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            await send(message)

        self._metrics.in_progress.inc()
        try:
            await self._app(scope, receive, send_with_id)
        except (ClientGone, ClientDisconnect):
            return  # nobody is there to be told
        except Exception as exc:
            problem = problem_handlers.from_unexpected(exc)
            if status != NOTHING_SENT:
                raise  # a reply was begun: only a broken connection tells the client now
            response = problem_handlers.problem_response(problem, scope["path"])
            await response(scope, receive, send_with_id)
        finally:
            self._metrics.in_progress.dec()
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        if scope["path"] not in self._quiet_paths:
            _log.info("request", method=method, route=route, status=status, seconds=round(seconds, 4))


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None
