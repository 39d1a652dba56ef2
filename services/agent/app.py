"""Puts the agent's app together out of parts that main.py built. `create_app` is the only way in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from services.agent.agent import Agent
from services.agent.checkpoint_saver import RedisCheckpointSaver
from services.agent.graph import build_graph
from services.agent.metrics import AgentMetrics
from services.agent.nodes import Nodes
from services.agent.routes import chat, health, threads
from services.agent.settings import AgentSettings
from services.agent.thread_lease import ThreadLeases
from services.common.admission import Admission
from services.common.app import create_base_app
from services.common.blue_green import RoleWatch, SharedRoles
from services.common.body_limit import BodyLimitMiddleware
from services.common.health import ROLE_CHECK, Readiness, ReadinessProbe
from services.common.language_models.answering import AnswerChain
from services.common.metrics import new_registry
from services.common.redis_connection import RedisConnection


@dataclass(frozen=True, slots=True)
class AgentParts:
    """What the app serves with; built once, closed by the lifespan. `threads`: decode_responses off."""

    chain: AnswerChain
    threads: RedisConnection
    roles: RedisConnection


def create_app(settings: AgentSettings, parts: AgentParts) -> FastAPI:
    registry = new_registry()
    watch = RoleWatch(SharedRoles(parts.roles.client), settings.colour)
    metrics = AgentMetrics(registry)
    agent = _agent(settings, parts, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await watch.look()
        watching = asyncio.create_task(watch.run(lambda: app.state.draining.begun))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await watch.leave()
            await agent.aclose()
            await _close(parts)

    app = create_base_app(
        settings,
        title="Parley agent",
        service=settings.service_name,
        readiness=_readiness(watch),
        lifespan=lifespan,
        registry=registry,
    )
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.agent_body_max_bytes)
    app.state.agent = agent
    app.state.chain = parts.chain
    app.state.role_watch = watch
    _watch(metrics, agent, watch, parts)
    for module in (chat, threads, health):
        app.include_router(module.router)
    return app


def _agent(settings: AgentSettings, parts: AgentParts, metrics: AgentMetrics) -> Agent:
    saver = RedisCheckpointSaver(parts.threads, ttl_seconds=settings.agent_thread_ttl_days * 24 * 3600)
    nodes = Nodes(parts.chain, settings.rules)
    admission = Admission(
        "runs", running_max=settings.agent_runs_running_max, waiting_max=settings.agent_runs_waiting_max
    )
    return Agent(
        build_graph(nodes, settings.rules, saver, metrics),
        saver,
        ThreadLeases(parts.threads, seconds=settings.agent_lease_seconds),
        admission,
        metrics,
        runs_per_user=settings.agent_runs_per_user,
    )


def _watch(metrics: AgentMetrics, agent: Agent, watch: RoleWatch, parts: AgentParts) -> None:
    metrics.watch_queue(lambda: agent.admission.running, lambda: agent.admission.waiting)
    metrics.watch_role(str(watch.colour), lambda: watch.serving)
    metrics.watch_breakers(lambda: {"redis": parts.threads.breaker.state, **parts.chain.status()})


def _readiness(watch: RoleWatch) -> ReadinessProbe:
    async def probe() -> Readiness:
        """Models are no obstacle: without one, threads can still be read."""
        store = "ok" if watch.heard else "Redis does not answer"
        return Readiness(watch.serving and watch.heard, {ROLE_CHECK: watch.word, "store": store})

    return probe


async def _close(parts: AgentParts) -> None:
    await parts.chain.aclose()
    await parts.threads.aclose()
    await parts.roles.aclose()
