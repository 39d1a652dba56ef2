"""Which of the two colours of a service serves. Read by the colours, moved by the gateway's `switch`.

Both colours are always upstreams of the gateway, and the one that should not serve says that it is not
ready: a switch is one key in Redis, and no configuration is reloaded. Each colour also says that it lives,
with a key that expires, so that the idle one steps in when the active one is gone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common import telemetry

R = TypeVar("R")
_log = telemetry.get_logger()

AGENT = "langgraph-enhanced"
BEAT_SECONDS = 0.5
ALIVE_MILLISECONDS = 1500
"""Two beats may be lost before a colour counts as gone."""


class Colour(StrEnum):
    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> "Colour":
        return Colour.GREEN if self is Colour.BLUE else Colour.BLUE


UNTIL_TOLD = Colour.GREEN
"""Active when Redis has no word on it."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What Redis says: who is meant to serve, and who lives."""

    active: Colour = UNTIL_TOLD
    alive: frozenset[Colour] = frozenset(Colour)


def serves(colour: Colour, roles: Roles) -> bool:
    """The active colour serves; the other one while the active one is gone."""
    return roles.active is colour or roles.active not in roles.alive


class RolesUnavailable(Exception):
    """Redis does not answer, or cannot serve."""


class SharedRoles:
    """`client` has decode_responses on and short timeouts; it is closed by the caller.

    Every method raises RolesUnavailable.
    """

    def __init__(self, client: Redis, service: str = AGENT) -> None:
        self._client = client
        self._active = f"gateway:{service}:active"
        self._alive = {colour: f"gateway:{service}:alive:{colour}" for colour in Colour}

    async def read(self) -> Roles:
        keys = (self._active, *self._alive.values())
        return self._roles(await _translated(lambda: self._client.mget(keys)))

    async def activate(self, colour: Colour) -> None:
        """From now on it is this colour that is meant to serve."""
        await _translated(lambda: cast("Awaitable[object]", self._client.set(self._active, str(colour))))

    async def beat(self, colour: Colour) -> Roles:
        """Says that the colour lives, and reads the roles, in one round trip."""
        pipeline = self._client.pipeline(transaction=True)
        pipeline.set(self._alive[colour], "1", px=ALIVE_MILLISECONDS)
        pipeline.mget(self._active, *self._alive.values())
        return self._roles((await _translated(pipeline.execute))[1])

    async def leave(self, colour: Colour) -> None:
        """The colour is about to end. A replica of it that lives says so with its next beat."""
        await _translated(lambda: cast("Awaitable[object]", self._client.delete(self._alive[colour])))

    def _roles(self, found: Sequence[object]) -> Roles:
        told, *beats = found
        active = next((colour for colour in Colour if colour == told), UNTIL_TOLD)
        alive = (colour for colour, beat in zip(self._alive, beats, strict=True) if beat is not None)
        return Roles(active, frozenset(alive))


class RoleWatch:
    """Beats for one colour and remembers its role, so that readiness answers out of memory.

    While Redis is away a colour keeps its last role: what cannot be read has not changed.
    """

    def __init__(
        self, shared: SharedRoles, colour: Colour, *, interval_seconds: float = BEAT_SECONDS
    ) -> None:
        self.colour = colour
        self.roles = Roles()
        self.heard = False
        """Whether Redis answered the last beat."""
        self._shared = shared
        self._interval_seconds = interval_seconds

    @property
    def serving(self) -> bool:
        return serves(self.colour, self.roles)

    @property
    def word(self) -> str:
        """For the readiness check of health.ROLE_CHECK: "ok", or why this colour does not serve."""
        return "ok" if self.serving else f"waits while {self.roles.active} serves"

    async def run(self, leaving: Callable[[], bool] = lambda: False) -> None:
        """Beats until it is cancelled, or until the process is about to end: then it says so."""
        while not leaving():
            await self.look()
            await asyncio.sleep(self._interval_seconds)
        await self.leave()

    async def look(self) -> None:
        was_serving = self.serving
        try:
            self.roles = await self._shared.beat(self.colour)
        except RolesUnavailable:
            self.heard = False
            return
        self.heard = True
        if self.serving != was_serving:
            _log.info("role_changed", colour=str(self.colour), serving=self.serving)

    async def leave(self) -> None:
        """The last beat: the other colour need not wait until ours expires."""
        try:
            await self._shared.leave(self.colour)
        except RolesUnavailable:
            return


async def _translated(command: Callable[[], Awaitable[R]]) -> R:
    try:
        return await command()
    except (RedisError, OSError, TimeoutError) as exc:
        raise RolesUnavailable from exc
