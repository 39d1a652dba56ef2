"""The switch itself: look, move, watch, go back or drain. The use case; knows neither HTTP nor Redis.

Both colours stay upstreams of the gateway. What moves is who says that it is ready, so no connection is
cut: the old colour ends what it has begun, and its open streams stay where they are.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.switching.colours import Colours
from services.common.blue_green import Colour, Roles, RolesUnavailable

_FAILED_LOOKS = 2
"""In a row. One late answer of a busy service is no failure."""


class SwitchableRoles(Protocol):
    """Raises RolesUnavailable."""

    async def read(self) -> Roles: ...

    async def activate(self, colour: Colour) -> None: ...


@dataclass(frozen=True, slots=True)
class Patience:
    takeover_seconds: float = 10.0
    """For the new colour to see that it is its turn."""
    watch_seconds: float = 10.0
    """If the new colour fails within it, the old one is made active again."""
    drain_seconds: float = 30.0
    """How long to wait for the old colour's requests. What then still runs may run on: nothing is cut."""
    look_every_seconds: float = 0.25


class Outcome(StrEnum):
    MOVED = "moved"
    ALREADY = "already"
    REFUSED = "refused"
    """Nothing was switched."""
    ROLLED_BACK = "rolled_back"
    OVERTAKEN = "overtaken"
    """Somebody else has switched meanwhile; their word stands."""
    STUCK = "stuck"
    """The new colour failed and could not be taken back: Redis went away."""


class Switch:
    """`tell` is given one plain sentence for each step."""

    def __init__(
        self,
        service: str,
        roles: SwitchableRoles,
        colours: Colours,
        tell: Callable[[str], None],
        patience: Patience = Patience(),
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._service = service
        self._roles = roles
        self._colours = colours
        self._tell = tell
        self._patience = patience
        self._clock = clock
        self._sleep = sleep

    async def to(self, target: Colour) -> Outcome:
        try:
            refusal = await self._refusal(target)
            if refusal is not None:
                return refusal
            await self._roles.activate(target)
        except RolesUnavailable:
            self._tell("Redis, which keeps the active colour, does not answer: nothing was switched.")
            return Outcome.REFUSED
        trouble = await self._takes_over(target) or await self._holds(target)
        if trouble is not None:
            return await self._roll_back(target, trouble)
        await self._drain(target.other)
        self._tell(f"{self._service} is {target}.")
        return Outcome.MOVED

    async def _refusal(self, target: Colour) -> Outcome | None:
        """None: the target may be switched to."""
        active = (await self._roles.read()).active
        if active is target:
            self._tell(f"{self._service} is {target} already.")
            return Outcome.ALREADY
        fault = (await self._colours.condition(target)).fault
        if fault is not None:
            self._tell(f"{target} would not serve: {fault}. Nothing was switched; {active} serves on.")
            return Outcome.REFUSED
        self._tell(f"{target} is well; {active} hands over to it.")
        return None

    async def _takes_over(self, target: Colour) -> str | None:
        """Why not, or None."""
        started = self._clock()
        failed_looks = 0
        while True:
            condition = await self._colours.condition(target)
            waited = self._clock() - started
            if condition.serving and condition.fault is None:
                self._tell(f"{target} took over after {waited:.1f} s.")
                return None
            failed_looks = failed_looks + 1 if condition.fault else 0
            if failed_looks >= _FAILED_LOOKS:
                return condition.fault
            if waited >= self._patience.takeover_seconds:
                return f"it did not take over within {self._patience.takeover_seconds:g} s"
            await self._sleep(self._patience.look_every_seconds)

    async def _holds(self, target: Colour) -> str | None:
        """What went wrong in the watch window, or None."""
        self._tell(f"Watching {target} for {self._patience.watch_seconds:g} s.")
        until = self._clock() + self._patience.watch_seconds
        failed_looks = 0
        while self._clock() < until:
            await self._sleep(self._patience.look_every_seconds)
            condition = await self._colours.condition(target)
            failed_looks = 0 if condition.serving and condition.fault is None else failed_looks + 1
            if failed_looks >= _FAILED_LOOKS:
                return condition.fault or "it stopped serving"
        return None

    async def _roll_back(self, target: Colour, trouble: str) -> Outcome:
        old = target.other
        try:
            if (await self._roles.read()).active is not target:
                self._tell(f"Somebody else has switched back to {old} meanwhile; that stands.")
                return Outcome.OVERTAKEN
            await self._roles.activate(old)
        except RolesUnavailable:
            self._tell(f"{target} failed: {trouble}. Redis does not answer, so {target} is still active!")
            return Outcome.STUCK
        self._tell(f"{target} failed: {trouble}. Rolled back: {old} is active again.")
        fault = await self._takes_over(old)
        if fault is not None:
            self._tell(f"{old} does not serve either: {fault}.")
        return Outcome.ROLLED_BACK

    async def _drain(self, old: Colour) -> None:
        until = self._clock() + self._patience.drain_seconds
        under_way = await self._colours.requests_under_way(old)
        while under_way and self._clock() < until:
            await self._sleep(self._patience.look_every_seconds)
            under_way = await self._colours.requests_under_way(old)
        if under_way:
            requests = "1 request" if under_way == 1 else f"{under_way} requests"
            self._tell(f"{requests} still under way at {old}; what is open there runs to its own end.")
        elif under_way == 0:
            self._tell(f"{old} is drained.")
