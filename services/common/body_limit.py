"""Reads a request's body before anything else does, up to a bound: where bodies are small JSON."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.problem_handlers import problem_response
from services.common.problems import PayloadTooLarge


class BodyLimitMiddleware:
    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "DELETE"}:
            await self._app(scope, receive, send)
            return
        body = await self._body(receive)
        if body is None:
            problem = PayloadTooLarge(
                f"A body has at most {self._max_bytes} bytes.", max_bytes=self._max_bytes
            )
            await problem_response(problem, scope["path"])(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _body(self, receive: Receive) -> list[Message] | None:
        """The messages that carry the body; None as soon as it is too large."""
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > self._max_bytes:
                return None
            if not message.get("more_body", False):
                return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def replayed() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return replayed
