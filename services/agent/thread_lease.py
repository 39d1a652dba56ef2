"""One run of a thread at a time, whichever process has it. A lease in Redis that its holder renews."""

import asyncio
import secrets
from collections.abc import Awaitable
from typing import cast

from services.agent.problems import ThreadBusy, ThreadsUnavailable
from services.common.redis_connection import RedisConnection

_IF_MINE = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
_RENEW = _IF_MINE + "return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
_RELEASE = _IF_MINE + "return redis.call('DEL', KEYS[1])"


class ThreadLeases:
    """Every method raises ThreadsUnavailable."""

    def __init__(self, connection: RedisConnection, *, seconds: float, prefix: str = "agent:lease:") -> None:
        self.seconds = seconds
        self._connection = connection
        self._prefix = prefix

    async def take(self, key: str) -> "ThreadLease":
        """Raises ThreadBusy."""
        lease = ThreadLease(self, key, secrets.token_hex(8))
        if not await self._taken(lease):
            raise ThreadBusy
        return lease

    async def held(self, key: str) -> bool:
        client = self._connection.client
        return bool(await self._connection.call(lambda: client.exists(self._prefix + key)))

    async def _taken(self, lease: "ThreadLease") -> bool:
        """Also where an earlier try took it, and its reply was lost."""
        name, milliseconds = self._prefix + lease.key, int(1000 * self.seconds)
        client = self._connection.client
        if await self._connection.call(lambda: client.set(name, lease.token, nx=True, px=milliseconds)):
            return True
        return await self.renew(lease)

    async def renew(self, lease: "ThreadLease") -> bool:
        return await self._run(_RENEW, lease, str(int(1000 * self.seconds)))

    async def release(self, lease: "ThreadLease") -> bool:
        return await self._run(_RELEASE, lease)

    async def _run(self, script: str, lease: "ThreadLease", *arguments: str) -> bool:
        client, name = self._connection.client, self._prefix + lease.key
        call = self._connection.call(
            lambda: cast("Awaitable[object]", client.eval(script, 1, name, lease.token, *arguments))
        )
        return bool(await call)


class ThreadLease:
    def __init__(self, leases: ThreadLeases, key: str, token: str) -> None:
        self.key = key
        self.token = token
        self._leases = leases

    async def keep(self) -> None:
        """Renews it until it is lost, which is when this returns: to another, or since Redis is away."""
        loop = asyncio.get_running_loop()
        good_until = loop.time() + self._leases.seconds
        while loop.time() < good_until:
            await asyncio.sleep(self._leases.seconds / 4)
            asked_at = loop.time()
            try:
                if not await self._leases.renew(self):
                    return
                good_until = asked_at + self._leases.seconds
            except ThreadsUnavailable:
                continue

    async def release(self) -> None:
        """Never fails: what cannot be released expires."""
        try:
            await self._leases.release(self)
        except ThreadsUnavailable:
            return
