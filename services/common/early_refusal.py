"""Refuses from a request's head where no place is free, before the framework looks for the endpoint.

In a rush a service says no most of the time, and the framework's way to the endpoint is half of what a no
costs. The answer is the endpoint's own: who may not ask for the work goes on to hear that from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.admission import Admission
from services.common.auth.dependencies import bearer_token
from services.common.auth.verifier import TokenVerifier
from services.common.problem_handlers import problem_response
from services.common.problems import ProblemError


@dataclass(frozen=True, slots=True)
class Guarded:
    """POST to `path` wants the scope, and a place. It stands for the route in metrics and log."""

    path: str
    required_scope: str
    admission: Admission


class EarlyRefusalMiddleware:
    """To be within RequestContextMiddleware, which counts, times and logs the refusals as any reply."""

    def __init__(self, app: ASGIApp, *, guarded: Sequence[Guarded]) -> None:
        self._app = app
        self._guarded = {endpoint.path: endpoint for endpoint in guarded}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = await self._refusing(scope)
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = endpoint
        response = problem_response(endpoint.admission.refusal(), scope["path"])
        await response(scope, receive, send)

    async def _refusing(self, scope: Scope) -> Guarded | None:
        """The endpoint that would refuse this request for want of a place, and for nothing else."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        endpoint = self._guarded.get(scope["path"])
        if endpoint is None or not endpoint.admission.full:
            return None
        return endpoint if await _may(scope, endpoint.required_scope) else None


async def _may(scope: Scope, required_scope: str) -> bool:
    verifier: TokenVerifier = scope["app"].state.token_verifier
    try:
        principal = await verifier.verify(bearer_token(Headers(scope=scope).get("authorization")))
    except ProblemError:
        return False
    return principal.may(required_scope)
