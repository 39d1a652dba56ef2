"""What each node of the graph does. A node reads the state and says what changes in it; it keeps nothing.

route: is there anything to recall? · recall: which earlier exchanges · draft: the model writes ·
check: rules, then the model, read what it wrote · answer: the draft becomes the thread's newest exchange.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph.runtime import Runtime

from services.agent import checking, prompting
from services.agent.events import DraftDelta, DraftVoided
from services.agent.problems import NoAnswer
from services.agent.recalling import choose_context
from services.agent.rules import AgentRules
from services.agent.state import AgentState, Draft, Exchange, RunContext, Tokens
from services.common.language_models.answering import AnswerChain
from services.common.language_models.provider import (
    DEFAULT_SAMPLING,
    Delta,
    Finished,
    Message,
    Restarted,
    Sampling,
    Started,
)
from services.common.problems import DeadlineExceeded, ProblemError

FRESH, CONTINUED = "fresh", "continued"
_VERDICT = Sampling(max_tokens=48, temperature=0.0)


@dataclass(frozen=True, slots=True)
class Step:
    """`update`: what changes in the state; `facts`: what a watcher is told."""

    update: dict[str, Any]
    facts: Mapping[str, object] = field(default_factory=dict)


class Nodes:
    def __init__(self, chain: AnswerChain, rules: AgentRules, clock: Callable[[], float] = time.time) -> None:
        self._chain = chain
        self._rules = rules
        self._clock = clock

    async def route(self, state: AgentState, _: Runtime[RunContext]) -> Step:
        route = CONTINUED if state["exchanges"] else FRESH
        return Step({"route": route}, {"route": route})

    async def recall(self, state: AgentState, _: Runtime[RunContext]) -> Step:
        exchanges = state["exchanges"]
        rules = self._rules
        context = choose_context(
            exchanges, state["question"], recent=rules.recent_exchanges, recalled=rules.recalled_exchanges
        )
        return Step({"context": context}, {"shown": len(context), "of": len(exchanges)})

    async def draft(self, state: AgentState, runtime: Runtime[RunContext]) -> Step:
        revision = state["revisions"] + bool(state["objection"])
        system = Message("system", self._rules.system_prompt) if self._rules.system_prompt else None
        shown = await self._chain.fit(system, prompting.for_draft(state), model=state["model"])
        writing = _Writing(runtime, revision)
        usage = await self._written(shown, state, runtime, writing)
        draft = writing.draft()
        update = {"draft": draft, "revisions": revision, "usage": usage}
        return Step(update, {"revision": revision, "model": draft["model"], "provider": draft["provider"]})

    async def check(self, state: AgentState, runtime: Runtime[RunContext]) -> Step:
        draft = _draft_of(state)
        found = checking.objection(state["question"], draft["content"], finish_reason=draft["finish_reason"])
        if found or not self._rules.check_with_model:
            return _checked(found, by="rules")
        try:
            return await self._checked_by_model(state, draft, runtime)
        except DeadlineExceeded:
            raise
        except ProblemError:
            if attempt_of(runtime) < self._rules.node_attempts_max:
                raise
            return _checked("", by="rules")  # an answer that nobody could judge is better than none

    async def answer(self, state: AgentState, _: Runtime[RunContext]) -> Step:
        draft = _draft_of(state)
        if not draft["content"].strip():
            raise NoAnswer
        exchange: Exchange = {
            "question": state["question"],
            "answer": draft["content"].strip(),
            "asked_at": state["asked_at"],
            "answered_at": self._clock(),
            "model": draft["model"],
            "provider": draft["provider"],
            "degraded": draft["degraded"],
            "route": state["route"],
            "revisions": state["revisions"],
            "approved": not state["objection"],
            "usage": state["usage"],
        }
        facts = {"revisions": exchange["revisions"], "approved": exchange["approved"]}
        return Step({"exchanges": [exchange]}, facts)

    async def _checked_by_model(self, state: AgentState, draft: Draft, runtime: Runtime[RunContext]) -> Step:
        asked = prompting.for_check(state["question"], draft)
        shown = await self._chain.fit(None, asked, model=state["model"])
        reading = _Writing(None, 0)
        usage = await self._written(shown, state, runtime, reading, _VERDICT)
        step = _checked(checking.read_verdict(reading.content), by="model")
        return Step({**step.update, "usage": usage}, step.facts)

    async def _written(
        self,
        shown: Sequence[Message],
        state: AgentState,
        runtime: Runtime[RunContext],
        writing: "_Writing",
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Tokens:
        """Has the model write; returns the tokens of the run so far."""
        deadline = runtime.context.deadline
        events = self._chain.stream(shown, model=state["model"], deadline=deadline, sampling=sampling)
        async for event in events:
            writing.take(event)
        used = writing.usage
        before = state["usage"]
        return {
            "prompt": before["prompt"] + used["prompt"],
            "completion": before["completion"] + used["completion"],
        }


class _Writing:
    """What a model has written so far; told to whoever watches, where there is somebody."""

    def __init__(self, watched: Runtime[RunContext] | None, revision: int) -> None:
        self.usage: Tokens = {"prompt": 0, "completion": 0}
        self._watched = watched
        self._revision = revision
        self._pieces: list[str] = []
        self._by = Started("", "", degraded=False)
        self._finish_reason = "stop"

    @property
    def content(self) -> str:
        return "".join(self._pieces)

    def take(self, event: Started | Delta | Restarted | Finished) -> None:
        match event:
            case Started():
                self._by = event
            case Delta(content):
                self._pieces.append(content)
                self._tell(DraftDelta(self._revision, content))
            case Restarted():
                self._pieces.clear()
                self._tell(DraftVoided(self._revision))
            case Finished(usage, finish_reason):
                self.usage = {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens}
                self._finish_reason = finish_reason

    def draft(self) -> Draft:
        return {
            "content": self.content,
            "model": self._by.model,
            "provider": self._by.provider,
            "degraded": self._by.degraded,
            "finish_reason": self._finish_reason,
        }

    def _tell(self, event: DraftDelta | DraftVoided) -> None:
        if self._watched is not None:
            self._watched.stream_writer(event)


def _checked(found: str, *, by: str) -> Step:
    return Step({"objection": found}, {"approved": not found, "objection": found, "by": by})


def _draft_of(state: AgentState) -> Draft:
    draft = state["draft"]
    if draft is None:
        raise NoAnswer
    return draft


def attempt_of(runtime: Runtime[RunContext]) -> int:
    """1 for the first attempt of a node."""
    return runtime.execution_info.node_attempt if runtime.execution_info else 1
