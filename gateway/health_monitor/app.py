"""The monitor as a service: status, event stream, metrics. `create_app(settings)` is the only way in."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import StreamingResponse
from redis.asyncio import Redis

from gateway.health_monitor.local_records import LocalRecords
from gateway.health_monitor.metrics import CheckMetrics, StateCollector
from gateway.health_monitor.monitor import Monitor
from gateway.health_monitor.settings import MonitorSettings
from gateway.health_monitor.shared_records import SharedRecords
from gateway.health_monitor.table import as_json
from gateway.health_monitor.targets import targets
from gateway.routing_file import DEFAULT_PATH, load_routing
from services.common.app import create_base_app
from services.common.auth import Principal, require_scope
from services.common.health import Readiness
from services.common.metrics import new_registry
from services.common.redis_lost_connections import name_lost_connections

SERVICE = "gateway-health-monitor"
_COMMENT_EVERY_SECONDS = 15.0
"""A line that says nothing, so that no proxy on the way takes the stream for dead."""
router = APIRouter(prefix="/api/v1/gateway", tags=["gateway"])
Reader = Annotated[Principal, Depends(require_scope("gateway:read"))]


def create_app(settings: MonitorSettings) -> FastAPI:
    registry = new_registry()

    async def readiness() -> Readiness:
        complete = app.state.monitor.complete
        return Readiness(complete, {"first_round": "ok" if complete else "not every upstream is checked yet"})

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            monitor = await _monitor(settings, stack, CheckMetrics(registry))
            app.state.monitor = monitor
            registry.register(StateCollector(monitor))
            await stack.enter_async_context(monitor.running())
            yield

    app = create_base_app(
        settings,
        title="Parley gateway",
        service=SERVICE,
        readiness=readiness,
        lifespan=lifespan,
        registry=registry,
    )
    app.include_router(router)
    return app


@router.get("/status")
async def status(request: Request, _: Reader) -> dict[str, Any]:
    """Every upstream as it stands, from memory."""
    return _status(request.app.state.monitor)


@router.get("/events")
async def events(request: Request, _: Reader) -> StreamingResponse:
    """Server-sent events: `status` at once, and again after every change."""
    monitor: Monitor = request.app.state.monitor
    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(_events(monitor), media_type="text/event-stream", headers=headers)


async def _events(monitor: Monitor) -> AsyncIterator[str]:
    changes = monitor.changes()
    pending = asyncio.ensure_future(anext(changes))
    try:
        while True:
            done, _ = await asyncio.wait({pending}, timeout=_COMMENT_EVERY_SECONDS)
            if not done:
                yield ": still here\n\n"
                continue
            pending.result()
            yield f"event: status\ndata: {json.dumps(_status(monitor))}\n\n"
            pending = asyncio.ensure_future(anext(changes))
    finally:
        pending.cancel()


def _status(monitor: Monitor) -> dict[str, Any]:
    now = time.time()
    rows = monitor.rows()
    return {
        "healthy": all(row.record.healthy for row in rows),
        "shared": monitor.is_shared,
        "now": now,
        "upstreams": as_json(rows, now),
    }


async def _monitor(settings: MonitorSettings, stack: AsyncExitStack, metrics: CheckMetrics) -> Monitor:
    routing = load_routing(settings.gateway_routing_file or DEFAULT_PATH)
    shared = None
    if settings.redis_url is not None:
        patience = settings.redis_timeout_seconds
        client = Redis.from_url(
            settings.redis_url,
            decode_responses=True,
            socket_timeout=patience,
            socket_connect_timeout=patience,
        )
        name_lost_connections(client.connection_pool)
        stack.push_async_callback(client.aclose)
        shared = SharedRecords(client)
    return Monitor(
        targets(
            routing,
            failure_threshold=settings.gateway_monitor_failure_threshold,
            reset_timeout_seconds=settings.gateway_monitor_reset_timeout_seconds,
        ),
        await stack.enter_async_context(httpx.AsyncClient(trust_env=False)),
        local=LocalRecords(),
        shared=shared,
        interval_seconds=settings.gateway_monitor_interval_seconds or routing.monitoring.interval_seconds,
        timeout_seconds=settings.gateway_monitor_timeout_seconds or routing.monitoring.timeout_seconds,
        on_check=metrics.observe,
    )
