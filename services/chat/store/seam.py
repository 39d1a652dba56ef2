"""The seam between the conversation and what keeps it. Redis in production; a dictionary in tests.

Every method raises StoreUnavailable when the store does not answer, within two seconds.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.chat.store.records import (
    Delta,
    HistoryPage,
    Lease,
    NewTurn,
    ReplyEntry,
    ReplyFacts,
    ReplyRecord,
    Reset,
    SessionSummary,
    StoredMessage,
    Turn,
)
from services.common.circuit_breaker import BreakerState


class ConversationStore(Protocol):
    @property
    def breaker_state(self) -> BreakerState: ...

    async def begin(self, turn: NewTurn, lease: Lease) -> Turn:
        """Stores the message and reserves its reply, or finds that it was stored before; all or nothing.

        A message whose reply failed, or whose writer died, is begun again under the lease's reply id. What is
        begun brings what was said before it.
        Raises SessionNotFound, IdempotencyKeyReused, TooManySessions, TooManyRequests.
        """
        ...

    async def retry(self, owner: str, session_id: str, message_id: str, lease: Lease) -> Turn:
        """Begins a stored message again as `begin` does. Raises SessionNotFound, MessageNotFound too."""
        ...

    async def append(self, lease: Lease, entries: Sequence[Delta | Reset]) -> bool:
        """Adds to the reply's stream and renews the lease; with no entries, only that.

        An entry whose seq is there already is passed over, so a call may be repeated.
        Returns whether somebody asked for the reply to be cancelled. Raises LeaseLost.
        """
        ...

    async def complete(self, lease: Lease, content: str, facts: ReplyFacts) -> float:
        """Stores the reply in the history and ends its stream; returns when. Raises LeaseLost.

        Without content (cancelled before the first word) the message stays unanswered.
        """
        ...

    async def fail(self, lease: Lease, problem: Mapping[str, object]) -> None:
        """Ends the stream with a problem; the message is unanswered. Nothing happens to an ended reply."""
        ...

    async def cancel(self, owner: str, reply_id: str) -> None:
        """Asks the reply's writer, wherever it is, to stop. Raises ReplyNotFound."""
        ...

    async def reply(self, owner: str, reply_id: str) -> ReplyRecord:
        """Raises ReplyNotFound, for another user's reply too. A reply whose writer died is failed by this."""
        ...

    async def entries(self, after: Mapping[str, int], wait_seconds: float) -> Mapping[str, list[ReplyEntry]]:
        """What came after these seqs, by reply id; waits for the first of it, at most so long."""
        ...

    async def message(self, owner: str, session_id: str, message_id: str) -> StoredMessage:
        """One stored message. Raises SessionNotFound, MessageNotFound."""
        ...

    async def keep_heard(self, owner: str, session_id: str, reply_id: str, characters: int) -> None:
        """From now on the history has only so much of a reply that is whole. May be said again, for more too.

        Raises SessionNotFound, MessageNotFound.
        """
        ...

    async def history(
        self,
        owner: str,
        session_id: str,
        *,
        before: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> HistoryPage:
        """The newest messages, or those next to a message id; `after` "": the oldest.

        Raises SessionNotFound, MessageNotFound.
        """
        ...

    async def sessions(
        self, owner: str, *, before: str | None = None, limit: int
    ) -> tuple[Sequence[SessionSummary], bool]:
        """The owner's sessions, the most recently used first, and whether there are more."""
        ...

    async def owns(self, owner: str, session_id: str) -> bool:
        """True: the owner's. False: nobody's. Raises SessionNotFound: somebody else's."""
        ...

    async def rename(self, owner: str, session_id: str, title: str) -> SessionSummary: ...

    async def delete(self, owner: str, session_id: str) -> None: ...

    async def occupy(self, owner: str, place: str, seconds: float) -> None:
        """Counts an answer that is not kept among the owner's replies, for at most so long.

        Raises TooManyRequests as `begin` does, by pace and by number. A place is a name of the caller's.
        """
        ...

    async def vacate(self, owner: str, place: str) -> None:
        """The answer has ended. Nothing happens to a place that is not occupied."""
        ...

    async def put_once(self, token: str, value: str, ttl_seconds: float) -> None:
        """Keeps a value that can be taken once."""
        ...

    async def take_once(self, token: str) -> str | None:
        """The value, the first time; None after that, and when it has expired."""
        ...

    async def ping(self) -> None: ...

    async def aclose(self) -> None: ...


class LeaseLost(Exception):
    """The reply was given up by others, has ended, or went with its session."""
