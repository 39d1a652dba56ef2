"""A connection to Redis that is lost under uvloop is told as any other lost connection.

asyncio raises ConnectionResetError where something is written to a transport that is closed by then, and
redis-py makes its ConnectionError of it. uvloop, under which uvicorn runs the services, raises a bare
RuntimeError (uvloop, handles/handle.pyx, UVHandle._ensure_alive), which passed for a fault of our own.
"""

from collections.abc import Iterable

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

_CLOSED = "the handler is closed"


def name_lost_connections(pool: ConnectionPool) -> None:
    """For a pool that has made no connection yet, whether by TCP, TLS or a Unix socket."""
    plain: type[AbstractConnection] = pool.connection_class
    pool.connection_class = type(plain.__name__, (_LostIsAConnectionError, plain), {})


class _LostIsAConnectionError(AbstractConnection):
    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as exc:
            if _CLOSED not in str(exc):
                raise
            raise RedisConnectionError("The connection was closed.") from exc
