"""One open WebSocket: takes its client's frames one after the other, and delivers replies beside that."""

import asyncio
from collections.abc import Callable

from services.chat import frames
from services.chat.conversation import Conversation, Question
from services.chat.feeds import ReplyFeed
from services.chat.sockets.client_frames import (
    BadFrame,
    CancelFrame,
    ClientFrame,
    MessageFrame,
    PingFrame,
    ResumeFrame,
    parse,
)
from services.chat.sockets.delivery import INSTANCE, deliver
from services.chat.sockets.handshake import Visitor
from services.chat.sockets.rules import SocketRules
from services.common import telemetry
from services.common.problems import ProblemError, TooManyRequests
from services.common.sockets import closing
from services.common.sockets.closing import CloseCode, Farewell
from services.common.sockets.pace import Pace
from services.common.sockets.wire import PeerGone, PeerStuck, Wire

_log = telemetry.get_logger()


class Socket:
    __slots__ = (
        "_bad_frames",
        "_clock",
        "_conversation",
        "_deliveries",
        "_frame_at",
        "_goodbye",
        "_pace",
        "_rules",
        "_task",
        "_visitor",
        "_wire",
        "code",
    )

    def __init__(
        self,
        wire: Wire,
        visitor: Visitor,
        conversation: Conversation,
        rules: SocketRules,
        clock: Callable[[], float],
    ) -> None:
        self.code: CloseCode | None = None
        """What we closed it with; None: the client did, or was lost."""
        self._wire = wire
        self._visitor = visitor
        self._conversation = conversation
        self._rules = rules
        self._clock = clock
        self._frame_at = clock()
        self._pace = Pace(rules.frames_per_second, rules.frames_burst, self._frame_at)
        self._bad_frames = 0
        self._deliveries: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._goodbye: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until either side closes it. What is being written for it goes on without it."""
        self._task = asyncio.current_task()
        try:
            await self._wire.send(self._ready())
            while True:
                await self._take(await self._wire.next_text())
        except Farewell as farewell:
            await self._say(farewell)
        except PeerStuck:
            self._note_stuck()
        except PeerGone:
            pass
        except asyncio.CancelledError:
            if self.code is None:
                raise
        except Exception as exc:
            _log.error("socket_failed", error_type=type(exc).__name__, exc_info=exc)
            await self._say(closing.internal_error())
        finally:
            await self._end_tasks()

    def overdue(self, now: float, wall_now: float) -> Farewell | None:
        if wall_now >= self._visitor.principal.expires_at + self._rules.leeway_seconds:
            return closing.token_expired()
        if not self._deliveries and now - self._frame_at >= self._rules.idle_seconds:
            return closing.idle()
        return None

    def dismiss(self, farewell: Farewell) -> None:
        """From outside of `run`, which then ends."""
        self._goodbye = asyncio.create_task(self._say(farewell))

    async def _take(self, text: str) -> None:
        self._frame_at = self._clock()
        if not self._pace.take(self._frame_at):
            raise closing.flood()
        frame = await self._parsed(text)
        if frame is None:
            return
        try:
            await self._obey(frame)
        except ProblemError as problem:
            await self._wire.send(frames.error(problem, INSTANCE, **_about(frame)))

    async def _parsed(self, text: str) -> ClientFrame | None:
        try:
            frame = parse(text)
        except BadFrame as problem:
            await self._wire.send(frames.error(problem, INSTANCE, id=problem.frame_id))
            self._bad_frames += 1
            if self._bad_frames >= self._rules.bad_frames_max:
                raise closing.too_many_bad_frames() from None
            return None
        self._bad_frames = 0
        return frame

    async def _obey(self, frame: ClientFrame) -> None:
        owner = self._visitor.principal.subject
        match frame:
            case MessageFrame():
                await self._ask(owner, frame)
            case ResumeFrame(message_id=reply_id, after_seq=after_seq):
                self._deliver(await self._conversation.follow(owner, reply_id), after_seq)
            case CancelFrame(message_id=reply_id):
                await self._conversation.cancel(owner, reply_id)
            case PingFrame(id=ping_id):
                pong = {"type": "pong"}
                await self._wire.send(pong if ping_id is None else {**pong, "id": ping_id})

    async def _ask(self, owner: str, frame: MessageFrame) -> None:
        self._refuse_more_deliveries()
        question = Question(frame.content, self._visitor.session_id, message_id=frame.id, model=frame.model)
        exchange = await self._conversation.ask(owner, question)
        await self._wire.send(frames.ack(exchange.turn))
        self._deliver(exchange.feed, 0)

    def _deliver(self, feed: ReplyFeed, after_seq: int) -> None:
        """In place of a delivery of the same reply, if there is one."""
        earlier = self._deliveries.pop(feed.reply_id, None)
        if earlier is not None:
            earlier.cancel()
        self._refuse_more_deliveries()
        task = asyncio.create_task(deliver(self._wire, feed, after_seq))
        self._deliveries[feed.reply_id] = task
        task.add_done_callback(lambda done: self._delivered(feed.reply_id, done))

    def _delivered(self, reply_id: str, task: "asyncio.Task[None]") -> None:
        if self._deliveries.get(reply_id) is task:
            del self._deliveries[reply_id]
        self._frame_at = self._clock()
        failure = None if task.cancelled() else task.exception()
        if isinstance(failure, PeerStuck):
            self._give_up()
        elif failure is not None and not isinstance(failure, PeerGone):
            _log.error("delivery_failed", error_type=type(failure).__name__, exc_info=failure)
            self.dismiss(closing.internal_error())

    def _refuse_more_deliveries(self) -> None:
        if len(self._deliveries) >= self._rules.deliveries_max:
            raise TooManyRequests(
                f"This socket has {self._rules.deliveries_max} replies under way.", retry_after_seconds=1.0
            )

    async def _say(self, farewell: Farewell) -> None:
        """The problem, then the code."""
        self.code = farewell.code
        try:
            await self._wire.send(frames.error(farewell.problem, INSTANCE))
            await self._wire.close(farewell.code, farewell.problem.title)
        except PeerStuck:
            self._give_up()
        except PeerGone:
            pass

    def _note_stuck(self) -> None:
        self.code = CloseCode.POLICY_VIOLATION

    def _give_up(self) -> None:
        """It reads nothing, so nothing can be said: the connection is broken off."""
        self._note_stuck()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _end_tasks(self) -> None:
        tasks = [*self._deliveries.values()]
        if self._goodbye is not None and self._goodbye is not asyncio.current_task():
            tasks.append(self._goodbye)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    def _ready(self) -> frames.Frame:
        return {
            "type": "ready",
            "session_id": self._visitor.session_id,
            "expires_at": frames.timestamp(self._visitor.principal.expires_at),
            "idle_seconds": self._rules.idle_seconds,
            "request_id": telemetry.current_request_id(),
        }


def _about(frame: ClientFrame) -> dict[str, str | None]:
    """What an error frame is about: the client's own frame, or the reply it named."""
    match frame:
        case MessageFrame(id=frame_id) | PingFrame(id=frame_id):
            return {"id": frame_id}
        case ResumeFrame(message_id=reply_id) | CancelFrame(message_id=reply_id):
            return {"message_id": reply_id}
