"""What the conversation store asks of Redis: the scripts of lua/, and the streams of replies."""

from importlib import resources
from typing import Any, cast

from services.common.redis_connection import RedisConnection

_SCRIPTS = (
    "begin", "append", "complete", "fail", "cancel", "reply", "message", "heard", "history", "sessions",
    "owns", "rename", "delete", "occupy", "vacate",
)  # fmt: skip


class StoreScripts:
    """Every method raises what the connection does when Redis does not answer."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._scripts = {name: connection.client.register_script(_source(name)) for name in _SCRIPTS}

    async def run(self, name: str, arguments: list[str | int]) -> list[Any]:
        """Each may be repeated: a lost answer does not make it store twice."""
        script = self._scripts[name]
        return cast("list[Any]", await self._connection.call(lambda: script(args=arguments)))

    async def read_streams(self, after: dict[Any, Any], wait_seconds: float) -> list[tuple[str, list[Any]]]:
        """What came after an entry id, by stream; waits for the first of it, at most half the timeout."""
        connection = self._connection
        block_ms = int(1000 * min(wait_seconds, connection.timeout_seconds / 2))
        found = await connection.call(lambda: connection.client.xread(after, block=block_ms or None))
        return cast("list[tuple[str, list[Any]]]", found or [])


def _source(name: str) -> str:
    folder = resources.files("services.chat.store") / "lua"
    return (folder / "prelude.lua").read_text() + (folder / f"{name}.lua").read_text()
