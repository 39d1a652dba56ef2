"""What the store keeps, as facts. Times are seconds since the epoch, by the store's own clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Role = Literal["user", "assistant"]
PROMPT_MESSAGES_MAX = 100
"""The most that is read of a conversation for a prompt; how much of it fits is the model chain's to say."""


class MessageStatus(StrEnum):
    """Of a user's message: pending, answered, unanswered. Of a reply: complete, or cut by its reader."""

    PENDING = "pending"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    COMPLETE = "complete"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ReplyFacts:
    """How a reply came about. `degraded`: a provider before this one in the chain failed."""

    provider: str
    model: str
    degraded: bool
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """`reply_id`: of a user's message, its latest reply, ended or not. `in_reply_to`: of a reply."""

    message_id: str
    role: Role
    content: str
    created_at: float
    status: MessageStatus
    reply_id: str | None = None
    in_reply_to: str | None = None
    facts: ReplyFacts | None = None


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A user's message.

    `fingerprint`: a hash of what was asked; the same id or key with another one is refused.
    `idempotency_key`: the caller's, good in all of the owner's sessions for a day.
    """

    owner: str
    session_id: str
    message_id: str
    content: str
    title: str
    fingerprint: str
    idempotency_key: str | None = None
    session_is_named: bool = True
    """False: the session id was made for this turn, since the caller named none."""


class TurnOutcome(StrEnum):
    """BEGUN: the caller generates the reply. RUNNING: somebody does. ANSWERED: it is in the history."""

    BEGUN = "begun"
    RUNNING = "running"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Turn:
    outcome: TurnOutcome
    owner: str
    session_id: str
    message_id: str
    reply_id: str
    content: str
    created_at: float
    duplicate: bool = False
    """Whether the message had been stored before: this call was a retry."""
    history: Sequence[StoredMessage] = ()
    """Of a turn that was BEGUN: what was said before it, oldest first, PROMPT_MESSAGES_MAX at the most."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a reply. `worker` is made anew for each: what was lost cannot be had back."""

    reply_id: str
    worker: str


@dataclass(frozen=True, slots=True)
class SessionSummary:
    session_id: str
    title: str
    created_at: float
    updated_at: float
    message_count: int


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Oldest first. `has_more`: there are further messages in the direction that was asked for."""

    session: SessionSummary
    messages: Sequence[StoredMessage]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply. `seq` counts from 1 within the reply, without gaps."""

    seq: int
    content: str


@dataclass(frozen=True, slots=True)
class Reset:
    """What was written so far is void: another provider begins the reply anew."""

    seq: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The reply is in the history, whole, or as far as it got when it was cancelled."""

    seq: int
    facts: ReplyFacts
    created_at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """`problem`: the body of the problem, less `instance` and `request_id`."""

    seq: int
    problem: Mapping[str, object]


Ending = Completed | Failed
ReplyEntry = Delta | Reset | Completed | Failed


@dataclass(frozen=True, slots=True)
class ReplyRecord:
    """A reply under way, or ended of late. `last_seq`: of its latest entry; 0 before the first."""

    reply_id: str
    session_id: str
    message_id: str
    last_seq: int
    ended: bool


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """Bounds of what is kept, and how fast one user may add to it."""

    history_messages_max: int = 1_000
    history_ttl_seconds: float = 30 * 24 * 3600.0
    sessions_max: int = 1_000
    reply_ttl_seconds: float = 3600.0
    idempotency_ttl_seconds: float = 24 * 3600.0
    lease_seconds: float = 10.0
    messages_per_minute: int = 60
    generations_max: int = 4
