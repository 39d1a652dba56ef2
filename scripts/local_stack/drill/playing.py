"""Plays the scenes: waits until all is well, breaks one part, mends it, sees whether all gets well again."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import httpx

from gateway.whereabouts import whereabouts
from scripts.local_stack.drill.scenes import CONVERSES, JOURNEYS, Part, Scene
from scripts.local_stack.drill.scorecard import Score, in_a_line, score
from scripts.local_stack.drill.users import Journey, Seen, User, at_work
from scripts.local_stack.folders import Folders
from scripts.local_stack.snapshot import Phase, ProcessState, StateFile

_QUIET_SECONDS = 0.5
_RECOVERY_SECONDS = 120.0
"""Generous: the machine may be busy, and a model may have to be loaded again."""
_ANSWERS_IN_A_ROW = 1
_LOOK_EVERY_SECONDS = 0.1
_HISTORY = "/api/v1/chat-service/api/v1/chat/sessions/{session}"


class NotWell(Exception):
    """Something is amiss already, before anything was broken: who is not served."""


class Drill:
    """`tell` is given a line for each scene."""

    def __init__(self, client: httpx.AsyncClient, file: StateFile, tell: Callable[[str], None]) -> None:
        self._client = client
        self._file = file
        self._tell = tell
        self._session = f"drill-{secrets.token_hex(4)}"

    async def play(self, scenes: Sequence[Scene]) -> list[Score]:
        users = [User(one, self._client) for one in self._journeys()]
        scores = []
        async with at_work(users):
            await self._demand_all_well(users)
            for scene in scenes:
                hindrance = self._hindrance(scene)
                if hindrance:
                    self._tell(f"– {scene.name}: {hindrance}")
                    continue
                scores.append(await self._play(scene, users))
                self._tell(in_a_line(scores[-1]))
        return [*scores, await self._kept(users)]

    async def _play(self, scene: Scene, users: Sequence[User]) -> Score:
        await asyncio.sleep(_QUIET_SECONDS)
        seen_before = [len(user.sights) for user in users]
        async with scene.fault(self._part(scene.part)):
            await asyncio.sleep(scene.hold_seconds)
        mended_at = time.monotonic()
        leaning = [user for user in users if scene.may_notice(user.journey)]
        well_at = await self._well_at(leaning, mended_at)
        sights = {user.journey: user.sights[count:] for user, count in zip(users, seen_before, strict=True)}
        return score(scene, sights, None if well_at is None else well_at - mended_at)

    async def _demand_all_well(self, users: Sequence[User]) -> None:
        since = time.monotonic()
        if await self._well_at(users, since) is None:
            unserved = [user.journey.name for user in users if not _served(user, since)]
            raise NotWell(", ".join(unserved) or "a process is not ready")

    async def _well_at(self, users: Sequence[User], since: float) -> float | None:
        """When these had been served again and every process was ready; None: not in time."""
        while time.monotonic() < since + _RECOVERY_SECONDS:
            ready = all(process.phase is Phase.READY for process in self._processes())
            if ready and all(_served(user, since) for user in users):
                return time.monotonic()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        return None

    async def _kept(self, users: Sequence[User]) -> Score:
        """Every turn that was answered must be in the history still, whatever was killed meanwhile."""
        answered = sum(
            sight.seen is Seen.ANSWER
            for user in users
            if user.journey.name == CONVERSES
            for sight in user.sights
        )
        address = _HISTORY.format(session=self._session)
        exported = await self._client.get(f"{address}/export", params={"format": "json"}, timeout=30)
        replies = [
            one for one in exported.json()["messages"] if one["role"] == "assistant" and one["content"]
        ]
        await self._client.delete(address, timeout=30)
        lost = answered - len(replies)
        shortfalls = (f"{lost} of {answered} answered turns are not in the history",) if lost > 0 else ()
        saw = f"{len(replies)} replies are in the history; {answered} were given"
        return Score("afterwards", saw, "", 0.0, 0.0, 0.0, shortfalls)

    def _hindrance(self, scene: Scene) -> str:
        if scene.part not in {process.name for process in self._processes()}:
            return "it does not run here"
        return scene.hindrance(self._part(scene.part))

    def _journeys(self) -> list[Journey]:
        """What is said goes into a session of this drill."""
        return [self._in_own_session(one) if one.name == CONVERSES else one for one in JOURNEYS]

    def _in_own_session(self, journey: Journey) -> Journey:
        return replace(journey, body={**(journey.body or {}), "session_id": self._session})

    def _part(self, name: str) -> Part:
        process = next(one for one in self._processes() if one.name == name)
        if process.id is None or process.port is None:
            raise RuntimeError(f"{name} does not run just now")
        return Part(name, process.id.pid, process.port, whereabouts()["REDIS_URL"], Folders().valkey)

    def _processes(self) -> Sequence[ProcessState]:
        state = self._file.read()
        return state.processes if state else ()


def _served(user: User, since: float) -> bool:
    """The last sights that began after it are answers."""
    after = [sight for sight in user.sights if sight.began_at >= since]
    last = after[-_ANSWERS_IN_A_ROW:]
    return len(last) == _ANSWERS_IN_A_ROW and all(sight.seen is Seen.ANSWER for sight in last)
