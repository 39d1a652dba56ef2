"""Settings of the way to Redis, for every service that keeps something there."""

from pydantic import Field, SecretStr

from services.common.circuit_breaker import CircuitBreaker
from services.common.settings import ServiceSettings


class RedisSettings(ServiceSettings):
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """A secret, since it may carry a password."""
    redis_timeout_seconds: float = Field(default=0.5, gt=0, le=0.6)
    """For each of a command's two tries: a frozen Redis is an answer within two seconds."""
    redis_connections_max: int = Field(default=64, ge=2, le=10_000)
    redis_breaker_failure_threshold: int = Field(default=3, ge=1)
    redis_breaker_reset_seconds: float = Field(default=0.5, gt=0)

    def redis_breaker(self) -> CircuitBreaker:
        return CircuitBreaker(
            "redis",
            failure_threshold=self.redis_breaker_failure_threshold,
            reset_timeout_seconds=self.redis_breaker_reset_seconds,
        )
