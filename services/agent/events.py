"""What a run tells of itself while it goes on. Turned into server-sent events by the routes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.agent.state import Exchange
from services.common.problems import ProblemError


@dataclass(frozen=True, slots=True)
class RunStarted:
    thread_id: str
    resumed: bool


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """`attempt`: 1 for the first."""

    node: str
    attempt: int


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """`reason`: the problem's type, or the error's name; `will_retry`: another attempt follows."""

    node: str
    attempt: int
    reason: str
    will_retry: bool


@dataclass(frozen=True, slots=True)
class NodeFinished:
    """`facts`: what the node decided, for whoever watches."""

    node: str
    attempt: int
    seconds: float
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DraftDelta:
    """The next piece of a draft; `revision` 0 is the first one. An answer is what RunFinished says."""

    revision: int
    content: str


@dataclass(frozen=True, slots=True)
class DraftVoided:
    """The model died in mid-draft: the pieces of this revision are void, and it begins again."""

    revision: int


@dataclass(frozen=True, slots=True)
class RunFinished:
    thread_id: str
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The question is kept with the thread, and the run can be resumed."""

    thread_id: str
    problem: ProblemError


NodeEvent = NodeStarted | NodeFailed | NodeFinished | DraftDelta | DraftVoided
RunEvent = RunStarted | NodeEvent | RunFinished | RunFailed
