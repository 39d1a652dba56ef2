"""Settings of the way to Redis, for every service that keeps something there."""

from collections.abc import Callable

from pydantic import Field, SecretStr

from services.common.circuit_breaker import CircuitBreaker
from services.common.redis_connection import RedisConnection
from services.common.settings import ServiceSettings


class RedisSettings(ServiceSettings):
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """A secret, since it may carry a password."""
    redis_timeout_seconds: float = Field(default=0.5, gt=0, le=0.6)
    """For each of a command's two tries: a frozen Redis is an answer within two seconds."""
    redis_connections_max: int = Field(default=64, ge=2, le=10_000)
    redis_breaker_failure_threshold: int = Field(default=3, ge=1)
    redis_breaker_reset_seconds: float = Field(default=0.5, gt=0)

    def connect_redis(
        self, unavailable: Callable[[], Exception], *, decode_responses: bool = True
    ) -> RedisConnection:
        """`unavailable` makes the service's own error for when Redis does not answer."""
        breaker = CircuitBreaker(
            "redis",
            failure_threshold=self.redis_breaker_failure_threshold,
            reset_timeout_seconds=self.redis_breaker_reset_seconds,
        )
        return RedisConnection(
            self.redis_url.get_secret_value(),
            unavailable=unavailable,
            timeout_seconds=self.redis_timeout_seconds,
            connections_max=self.redis_connections_max,
            breaker=breaker,
            decode_responses=decode_responses,
        )
