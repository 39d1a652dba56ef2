"""What a thread holds, and what a run of the graph writes down. Plain types: it goes into checkpoints."""

from dataclasses import dataclass
from typing import Annotated, TypedDict

from services.common.admission import Deadline

EXCHANGES_MAX = 200


class Tokens(TypedDict):
    """Of every call of a model in one run: drafts and checks."""

    prompt: int
    completion: int


class Draft(TypedDict):
    content: str
    model: str
    provider: str
    degraded: bool
    finish_reason: str


class Exchange(TypedDict):
    """A question and its answer. `approved`: the last check had nothing to object. Times: epoch seconds."""

    question: str
    answer: str
    asked_at: float
    answered_at: float
    model: str
    provider: str
    degraded: bool
    route: str
    revisions: int
    approved: bool
    usage: Tokens


def keep_newest(kept: list[Exchange], added: list[Exchange]) -> list[Exchange]:
    return [*kept, *added][-EXCHANGES_MAX:]


class AgentState(TypedDict):
    """`context`: the exchanges that the draft is shown. `objection`: of the last check, "" for none."""

    exchanges: Annotated[list[Exchange], keep_newest]
    question: str
    asked_at: float
    model: str | None
    route: str
    context: list[Exchange]
    draft: Draft | None
    objection: str
    revisions: int
    usage: Tokens


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a run has and its checkpoints have not."""

    deadline: Deadline


def asked(question: str, model: str | None, at: float) -> AgentState:
    """What a run begins with: a question, and nothing of the run before."""
    return {
        "exchanges": [],
        "question": question,
        "asked_at": at,
        "model": model,
        "route": "",
        "context": [],
        "draft": None,
        "objection": "",
        "revisions": 0,
        "usage": {"prompt": 0, "completion": 0},
    }
