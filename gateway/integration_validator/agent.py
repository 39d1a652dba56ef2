"""Checks of the blue-green agent: it is there through its route, says its colour, and answers."""

import secrets

from gateway.integration_validator.checks import Check, NotApplicable, Subject
from gateway.integration_validator.visitor import Visitor, demand, problem
from services.common.blue_green import Colour

SERVICE, GROUP = "langgraph-enhanced", "Agent"
_PREFIX = "/api/v1/langgraph/enhanced"
_TURN_SECONDS = 180.0


async def one_colour_serves(visitor: Visitor, subject: Subject) -> str:
    _only_with_agent(subject)
    version = (await visitor.get(f"{_PREFIX}/version")).json()
    demand(version.get("colour") in set(Colour), f"It says its colour is {version.get('colour')!r}.")
    return f"The route leads to {version['colour']}, version {version.get('version', 'unknown')}."


async def thread_is_answered(visitor: Visitor, subject: Subject) -> str:
    _only_with_agent(subject)
    body = {"message": "Say hello in one short sentence."}
    turn = (await visitor.post(f"{_PREFIX}/chat", json=body, timeout=_TURN_SECONDS)).json()
    demand(turn["reply"].strip(), "The agent answered with nothing.")
    subject.left["thread"] = turn["thread_id"]
    return f"The agent answered in a thread, with {turn.get('revisions', 0)} revisions."


async def thread_is_kept(visitor: Visitor, subject: Subject) -> str:
    _only_with_agent(subject)
    demand("thread" in subject.left, "There is no thread: no turn was answered.")
    thread = (await visitor.get(f"{_PREFIX}/threads/{subject.left['thread']}")).json()
    demand(thread["messages"], "The thread is empty.")
    return f"The thread has its {len(thread['messages'])} messages."


async def unknown_thread_is_a_problem(visitor: Visitor, subject: Subject) -> str:
    _only_with_agent(subject)
    problem(await visitor.get(f"{_PREFIX}/threads/validator-{secrets.token_hex(6)}", expect=404))
    return "A thread of nobody's, or of somebody else's, answers 404."


def _only_with_agent(subject: Subject) -> None:
    if not subject.has_service(SERVICE):
        raise NotApplicable("The routing file has no agent.")


CHECKS = (
    Check(GROUP, "Colour", one_colour_serves, "scripts/gateway_health_monitor.py --once; the agents' logs"),
    Check(GROUP, "A turn", thread_is_answered, "the agents' logs; is a model server running?"),
    Check(GROUP, "Its thread", thread_is_kept, "is Redis reachable, with its append-only file on?"),
    Check(GROUP, "Another thread", unknown_thread_is_a_problem, "services/agent"),
)
