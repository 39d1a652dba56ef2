"""The conversation store's way to Redis: the common one, with the scripts of lua/."""

from importlib import resources
from typing import Any, cast

from services.chat.problems import StoreUnavailable
from services.common import redis_connection
from services.common.circuit_breaker import CircuitBreaker

_SCRIPTS = (
    "begin", "append", "complete", "fail", "cancel", "reply", "message", "heard", "history", "sessions",
    "owns", "rename", "delete", "occupy", "vacate",
)  # fmt: skip


class RedisConnection(redis_connection.RedisConnection):
    """Every method raises StoreUnavailable."""

    def __init__(
        self, url: str, *, timeout_seconds: float = 0.5, connections_max: int = 64, breaker: CircuitBreaker
    ) -> None:
        super().__init__(
            url,
            unavailable=StoreUnavailable,
            timeout_seconds=timeout_seconds,
            connections_max=connections_max,
            breaker=breaker,
        )
        self._scripts = {name: self.client.register_script(_source(name)) for name in _SCRIPTS}

    async def script(self, name: str, arguments: list[str | int]) -> list[Any]:
        """Runs a script of lua/. Each may be repeated: a lost answer does not make it store twice."""
        script = self._scripts[name]
        return cast("list[Any]", await self.call(lambda: script(args=arguments)))

    async def read_streams(self, after: dict[Any, Any], wait_seconds: float) -> list[tuple[str, list[Any]]]:
        """What came after an entry id, by stream; waits for the first of it, at most half the timeout."""
        block_ms = int(1000 * min(wait_seconds, self.timeout_seconds / 2))
        found = await self.call(lambda: self.client.xread(after, block=block_ms or None))
        return cast("list[tuple[str, list[Any]]]", found or [])


def _source(name: str) -> str:
    folder = resources.files("services.chat.store") / "lua"
    return (folder / "prelude.lua").read_text() + (folder / f"{name}.lua").read_text()
