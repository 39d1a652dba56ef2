"""One-use tickets for WebSockets: what a page sends in the address instead of its token.

The chat service issues them; every service with sockets redeems them. A ticket stands for the token that it
was issued for, which is verified anew: a service may need it to speak to others in its user's name.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Protocol

from services.common.problems import Unauthorized
from services.common.redis_connection import RedisConnection

_MAX_CHARS = 128


class OneTimeStore(Protocol):
    """The seam. Raises the service's own error where it does not answer."""

    async def put_once(self, token: str, value: str, ttl_seconds: float) -> None:
        """Keeps a value that can be taken once."""
        ...

    async def take_once(self, token: str) -> str | None:
        """The value, the first time; None after that, and when it has expired."""
        ...


@dataclass(frozen=True, slots=True)
class TicketOffice:
    store: OneTimeStore
    ttl_seconds: float

    async def issue(self, token: str) -> str:
        """`token`: a verified one. The ticket is good once, on any replica."""
        ticket = secrets.token_urlsafe(32)
        await self.store.put_once(ticket, token, self.ttl_seconds)
        return ticket


async def redeemed(store: OneTimeStore, ticket: str) -> str:
    """The token behind it. Raises Unauthorized for a ticket that was used, has expired, or never was."""
    token = await store.take_once(ticket) if len(ticket) <= _MAX_CHARS else None
    if token is None:
        raise Unauthorized("The ticket was used, has expired, or never was.")
    return token


def ticket_key(ticket: str) -> str:
    """Where a ticket is kept, by its hash: who reads the keys cannot use them."""
    return f"chat:once:ticket:{hashlib.sha256(ticket.encode()).hexdigest()}"


class RedisTickets:
    """For a service that keeps nothing else in Redis. Closed by its owner."""

    def __init__(self, connection: RedisConnection) -> None:
        self._redis = connection

    async def put_once(self, token: str, value: str, ttl_seconds: float) -> None:
        milliseconds = int(1000 * ttl_seconds)
        await self._redis.call(lambda: self._redis.client.set(ticket_key(token), value, px=milliseconds))

    async def take_once(self, token: str) -> str | None:
        found = await self._redis.call(lambda: self._redis.client.getdel(ticket_key(token)))
        return None if found is None else str(found)

    async def aclose(self) -> None:
        await self._redis.aclose()
