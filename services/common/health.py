"""Liveness and readiness. Live: the loop turns. Ready: a request would be served.

Caddy polls /health/ready twice a second: whatever it reads must already be in memory.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from services.common.draining import Draining


@dataclass(frozen=True, slots=True)
class Readiness:
    """`checks`: name of a part → "ok" or one sentence on what is wrong with it."""

    ready: bool
    checks: Mapping[str, str] = field(default_factory=dict)


_LEAVING = Readiness(ready=False, checks={"process": "is about to end"})
ReadinessProbe = Callable[[], Awaitable[Readiness]]


def health_router(service: str, readiness: ReadinessProbe, draining: Draining) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "live", "service": service}

    @router.get("/ready")
    async def ready() -> JSONResponse:
        found = _LEAVING if draining.announced else await readiness()
        content = {
            "status": "ready" if found.ready else "not_ready",
            "service": service,
            "checks": dict(found.checks),
        }
        return JSONResponse(content, status_code=200 if found.ready else 503)

    return router
