"""Liveness and readiness. Live: the loop turns. Ready: a request would be served.

Asked for `role=any`, a colour that only waits for its turn is ready too: there is somebody to wait for.

Caddy polls /health/ready twice a second: whatever it reads must already be in memory.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from services.common.draining import Draining

ROLE_CHECK = "role"
"""The check in which a colour says whether it is its turn (blue_green.py). An idle colour is not ready for
this alone, and yet it must be known whether it would serve: before a switch, and when the other dies."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """`checks`: name of a part → "ok" or one sentence on what is wrong with it."""

    ready: bool
    checks: Mapping[str, str] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        """Ready, or it would be if it were its turn."""
        others = {**self.checks, ROLE_CHECK: "ok"}
        return self.ready or (ROLE_CHECK in self.checks and all(word == "ok" for word in others.values()))


_LEAVING = Readiness(ready=False, checks={"process": "is about to end"})
ReadinessProbe = Callable[[], Awaitable[Readiness]]


def health_router(service: str, readiness: ReadinessProbe, draining: Draining) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "live", "service": service}

    @router.get("/ready")
    async def ready(role: Literal["any"] | None = None) -> JSONResponse:
        found = _LEAVING if draining.announced else await readiness()
        good = found.well if role else found.ready
        content = {
            "status": "ready" if good else "not_ready",
            "service": service,
            "checks": dict(found.checks),
        }
        return JSONResponse(content, status_code=200 if good else 503)

    return router
