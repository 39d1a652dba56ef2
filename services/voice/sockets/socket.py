"""One open WebSocket of the voice service: its frames in order, its pace, its end. Protocols build on it."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from services.common import telemetry
from services.common.auth import Principal
from services.common.problems import InvalidRequest, ProblemError
from services.common.sockets import closing
from services.common.sockets.closing import Farewell
from services.common.sockets.pace import Pace
from services.common.sockets.wire import PeerGone, PeerStuck, Wire
from services.voice.sockets.outbox import Outbox
from services.voice.sockets.rules import VoiceSocketRules

_log = telemetry.get_logger()
NORMAL_CLOSURE = 1000


class Finished(Exception):
    """The client asked for the end, and has had everything."""


class VoiceSocket(ABC):
    def __init__(
        self, wire: Wire, principal: Principal, rules: VoiceSocketRules, clock: Callable[[], float]
    ) -> None:
        self.outbox = Outbox()
        self.principal = principal
        self._wire = wire
        self._rules = rules
        self._clock = clock
        self._frame_at = clock()
        self._pace = Pace(rules.frames_per_second, rules.frames_burst, self._frame_at)
        self._farewell: Farewell | None = None
        self._reading: asyncio.Task[None] | None = None

    @abstractmethod
    async def opened(self) -> None:
        """Greets the client."""

    @abstractmethod
    async def take_message(self, message: Mapping[str, Any]) -> None:
        """A JSON object. Raises Finished; a ProblemError is told and the socket goes on."""

    @abstractmethod
    async def take_audio(self, pcm: bytes) -> None:
        """A binary frame."""

    @abstractmethod
    def told_problem(self, problem: ProblemError) -> Mapping[str, Any]:
        """A problem as a frame of this protocol."""

    @abstractmethod
    async def aclose(self) -> None:
        """Ends what was under way."""

    async def run(self) -> None:
        """Until either side closes it."""
        sending = asyncio.create_task(self.outbox.run(self._wire))
        self._reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait({sending, self._reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, self._reading):
                task.cancel()
            ends = await asyncio.gather(self._reading, sending, return_exceptions=True)
            await self.aclose()
        await self._say_goodbye(*ends)

    def overdue(self, now: float, wall_now: float) -> Farewell | None:
        if wall_now >= self.principal.expires_at + self._rules.leeway_seconds:
            return closing.token_expired()
        if now - self._frame_at >= self._rules.idle_seconds:
            return closing.idle()
        return None

    def dismiss(self, farewell: Farewell) -> None:
        """From outside of `run`, which then ends."""
        self._farewell = farewell
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        await self.opened()
        while True:
            frame = await self._wire.next_frame()
            self._frame_at = self._clock()
            if not self._pace.take(self._frame_at):
                raise closing.flood()
            try:
                await self._take(frame)
            except ProblemError as problem:
                self.outbox.tell(self.told_problem(problem))

    async def _take(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            await self.take_audio(frame)
            return
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            raise InvalidRequest("The frame is not JSON.") from None
        if not isinstance(message, dict):
            raise InvalidRequest("The frame is not a JSON object.")
        await self.take_message(message)

    async def _say_goodbye(self, *ends: BaseException | None) -> None:
        farewell = self._farewell or self._reason(*ends)
        code = farewell.code if farewell else NORMAL_CLOSURE
        try:
            await self.outbox.flush(self._wire)
            if farewell is not None:
                await self._wire.send(self.told_problem(farewell.problem))
            await self._wire.close(code, farewell.problem.title if farewell else "")
        except (PeerGone, PeerStuck):
            pass

    def _reason(self, *ends: BaseException | None) -> Farewell | None:
        for end in ends:
            match end:
                case Farewell():
                    return end
                case PeerGone() | Finished() | asyncio.CancelledError() | None:
                    continue
                case _:
                    _log.error("voice_socket_failed", error_type=type(end).__name__, exc_info=end)
                    return closing.internal_error()
        return None
