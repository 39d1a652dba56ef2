"""The shell of every service: problems, request ids, metrics, health, identity. Services add their routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from services.common import problem_handlers
from services.common.auth.verifier import TokenVerifier
from services.common.draining import ConnectionCloseMiddleware, Draining
from services.common.health import ReadinessProbe, health_router
from services.common.metrics import HttpMetrics, new_registry
from services.common.middleware import RequestContextMiddleware
from services.common.settings import ServiceSettings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
_QUIET_PATHS = frozenset({"/metrics", "/health/live", "/health/ready"})


def create_base_app(
    settings: ServiceSettings,
    *,
    title: str,
    service: str,
    readiness: ReadinessProbe,
    lifespan: Lifespan | None = None,
    registry: CollectorRegistry | None = None,
) -> FastAPI:
    """An app with /metrics, /health/live and /health/ready. `service`: the name in logs and health bodies.

    `registry` is where the service puts its own metrics; it stands in `app.state.registry`.
    """
    registry = registry or new_registry()
    app = FastAPI(
        title=title,
        lifespan=_with_verifier(settings, lifespan),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.settings = settings
    app.state.registry = registry
    app.state.draining = draining = Draining(says_not_ready=settings.drain_says_not_ready)
    app.add_middleware(ConnectionCloseMiddleware, draining=draining)
    app.add_middleware(RequestContextMiddleware, metrics=HttpMetrics(registry), quiet_paths=_QUIET_PATHS)
    problem_handlers.install(app)
    app.include_router(health_router(service, readiness, draining))
    _add_metrics_route(app, registry)
    return app


def _with_verifier(settings: ServiceSettings, inner: Lifespan | None) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.token_verifier = TokenVerifier(settings)
        try:
            if inner is None:
                yield
            else:
                async with inner(app):
                    yield
        finally:
            await app.state.token_verifier.aclose()

    return lifespan


def _add_metrics_route(app: FastAPI, registry: CollectorRegistry) -> None:
    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
