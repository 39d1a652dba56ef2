"""Builds the chat service out of its settings. The only module that names Redis and the model chain."""

from fastapi import FastAPI

from services.chat.app import SERVICE, ChatParts, create_app
from services.chat.settings import ChatSettings
from services.chat.store.redis_connection import RedisConnection
from services.chat.store.redis_store import RedisStore
from services.common.circuit_breaker import CircuitBreaker
from services.common.language_models.build import build_chain
from services.common.settings import load_settings
from services.common.telemetry import configure_logging


def build_app() -> tuple[FastAPI, ChatSettings]:
    """From the environment; exits with a sentence where a setting is refused."""
    settings = load_settings(ChatSettings)
    configure_logging(SERVICE, settings.log_level)
    return create_app(settings, build_parts(settings)), settings


def build_parts(settings: ChatSettings) -> ChatParts:
    return ChatParts(store=build_store(settings), chain=build_chain(settings))


def build_store(settings: ChatSettings) -> RedisStore:
    breaker = CircuitBreaker(
        "redis",
        failure_threshold=settings.redis_breaker_failure_threshold,
        reset_timeout_seconds=settings.redis_breaker_reset_seconds,
    )
    connection = RedisConnection(
        settings.redis_url.get_secret_value(),
        timeout_seconds=settings.redis_timeout_seconds,
        connections_max=settings.redis_connections_max,
        breaker=breaker,
    )
    return RedisStore(connection, settings.store_limits)
