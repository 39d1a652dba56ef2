"""Builds the chat service out of its settings. The only module that names Redis and the model chain."""

from services.chat.settings import ChatSettings
from services.chat.store.redis_connection import RedisConnection
from services.chat.store.redis_store import RedisStore
from services.common.circuit_breaker import CircuitBreaker


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
