"""The first request to an endpoint is served as fast as the next, since it is not the first.

FastAPI builds an endpoint's route and reads its source when it is first asked for, and python-jose loads its
cryptography with the first signature: milliseconds that a caller would wait for, and in a rush everybody.
"""

import contextlib

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.types import Message, Scope

from services.common.problems import Unauthorized

_NOBODYS_TOKEN = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.AAAA"
"""Of the right form; its signature is not."""


async def rehearse(app: FastAPI, *requests: tuple[str, str]) -> None:
    """Asks each (method, path) as a stranger, who is turned away: no log line, no metric, nothing is done.

    For endpoints that want a token, once `app.state.token_verifier` is there.
    """
    router = AsyncExitStackMiddleware(app.router)
    for method, path in requests:
        with contextlib.suppress(Unauthorized):
            await router(_scope(app, method, path), _no_body, _nowhere)


def _scope(app: FastAPI, method: str, path: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + _NOBODYS_TOKEN)],
        "client": None,
        "server": None,
        "state": {},
        "app": app,
    }


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _nowhere(message: Message) -> None:
    """Whatever is said is said to nobody."""
