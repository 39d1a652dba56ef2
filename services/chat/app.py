"""Puts the chat service's app together out of parts that main.py built. `create_app` is the only way in."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import WebSocketRoute

from services.chat.conversation import Conversation
from services.chat.following import ReplyFollower
from services.chat.generation import GenerationParts
from services.chat.generator import Generator
from services.chat.metrics import ChatMetrics
from services.chat.relay import Relay
from services.chat.routes import chat, health, models, openai_chat, openai_models, sessions, tickets
from services.chat.settings import ChatSettings
from services.chat.sockets.endpoint import SocketEndpoint
from services.chat.sockets.handshake import Handshake
from services.chat.speech_models import SpeechModels
from services.chat.store.seam import ConversationStore
from services.chat.store_watch import StoreWatch
from services.common.admission import Admission
from services.common.app import create_base_app
from services.common.body_limit import BodyLimitMiddleware
from services.common.health import Readiness, ReadinessProbe
from services.common.language_models.answering import AnswerChain
from services.common.metrics import new_registry
from services.common.rehearsal import rehearse
from services.common.sockets.open_sockets import OpenSockets
from services.common.tickets import TicketOffice

SERVICE = "chat-service"


@dataclass(frozen=True, slots=True)
class ChatParts:
    """What the app serves with; built once, closed by the lifespan."""

    store: ConversationStore
    chain: AnswerChain


def create_app(settings: ChatSettings, parts: ChatParts) -> FastAPI:
    registry = new_registry()
    watch = StoreWatch(parts.store, interval_seconds=settings.redis_watch_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.gather(watch.run(), app.state.open_sockets.run())
        try:
            await rehearse(app, ("POST", "/api/v1/chat"), ("POST", "/v1/chat/completions"))
            yield
        finally:
            watching.cancel()
            await app.state.generator.aclose(settings.chat_shutdown_seconds)
            await app.state.follower.aclose()
            await app.state.relay.aclose()
            await app.state.speech_models.aclose()
            await asyncio.gather(watching, return_exceptions=True)
            await parts.store.aclose()
            await parts.chain.aclose()

    app = create_base_app(
        settings,
        title="Parley chat",
        service=SERVICE,
        readiness=_readiness(watch),
        lifespan=lifespan,
        registry=registry,
    )
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.chat_body_max_bytes)
    app.state.store_watch = watch
    _set_state(app, settings, parts, registry)
    for module in (chat, sessions, models, openai_chat, openai_models, tickets, health):
        app.include_router(module.router)
    app.router.routes.append(WebSocketRoute("/ws", _socket_endpoint(app, settings)))
    return app


def _readiness(watch: StoreWatch) -> ReadinessProbe:
    async def probe() -> Readiness:
        """Models are no obstacle: without one, messages are still kept and the history read."""
        found = "ok" if watch.present else "Redis does not answer"
        return Readiness(watch.present, {"store": found})

    return probe


def _set_state(app: FastAPI, settings: ChatSettings, parts: ChatParts, registry: CollectorRegistry) -> None:
    metrics = ChatMetrics(registry)
    admission = Admission(
        "generations",
        running_max=settings.chat_generations_running_max,
        waiting_max=settings.chat_generations_waiting_max,
    )
    metrics.watch_breakers(lambda: {"redis": parts.store.breaker_state, **parts.chain.status()})
    metrics.watch_queue(lambda: admission.running, lambda: admission.waiting)
    generator = Generator(
        GenerationParts(parts.store, parts.chain, admission, settings.generation_rules, metrics)
    )
    follower = ReplyFollower(parts.store, patience_seconds=settings.chat_store_patience_seconds)
    app.state.store = parts.store
    app.state.chain = parts.chain
    app.state.metrics = metrics
    app.state.generator = generator
    app.state.follower = follower
    app.state.conversation = Conversation(parts.store, generator, follower, metrics)
    app.state.relay = Relay(parts.store, parts.chain, admission, metrics)
    app.state.speech_models = SpeechModels(
        settings.voice_url, timeout_seconds=settings.chat_speech_models_seconds
    )
    app.state.built_at = time.time()
    app.state.tickets = TicketOffice(parts.store, settings.chat_ticket_seconds)
    app.state.open_sockets = OpenSockets(
        total_max=settings.chat_sockets_max,
        per_user_max=settings.chat_sockets_per_user,
        gauge=metrics.sockets,
    )


def _socket_endpoint(app: FastAPI, settings: ChatSettings) -> SocketEndpoint:
    state = app.state
    return SocketEndpoint(
        Handshake(state.store, settings.allowed_origins),
        state.conversation,
        state.open_sockets,
        settings.socket_rules,
        state.metrics,
    )
