"""What the service sends: a reply, a thread, and the events of a run."""

from typing import Any

from services.agent.agent import Thread
from services.agent.events import (
    DraftDelta,
    DraftVoided,
    NodeFailed,
    NodeFinished,
    NodeStarted,
    RunEvent,
    RunFailed,
    RunFinished,
    RunStarted,
)
from services.agent.state import Exchange
from services.common.problems import ProblemError
from services.common.telemetry import current_request_id
from services.common.timestamps import rfc3339

Frame = dict[str, Any]


def event_frame(event: RunEvent, instance: str, colour: str) -> tuple[str, Frame]:
    """The event's name and its content. `colour`: which of the two deployments is at work."""
    match event:
        case RunStarted(thread_id, resumed):
            return "run", {"thread_id": thread_id, "resumed": resumed, "colour": colour}
        case NodeStarted(node, attempt):
            return "node", {"node": node, "phase": "started", "attempt": attempt}
        case NodeFailed(node, attempt, reason, will_retry):
            failed = {"node": node, "phase": "failed", "attempt": attempt}
            return "node", {**failed, "reason": reason, "will_retry": will_retry}
        case NodeFinished(node, attempt, seconds, facts):
            finished = {"node": node, "phase": "finished", "attempt": attempt}
            return "node", {**finished, "seconds": seconds, **facts}
        case DraftDelta(revision, content):
            return "delta", {"revision": revision, "content": content}
        case DraftVoided(revision):
            return "delta", {"revision": revision, "content": "", "reset": True}
        case RunFinished(thread_id, exchange):
            return "done", reply_body(thread_id, exchange, colour)
        case RunFailed(thread_id, problem):
            return "error", {"thread_id": thread_id, "problem": _problem_body(problem, instance)}


def reply_body(thread_id: str, exchange: Exchange, colour: str) -> Frame:
    return {
        "reply": exchange["answer"],
        "thread_id": thread_id,
        **_facts(exchange),
        "colour": colour,
        "created_at": rfc3339(exchange["answered_at"]),
    }


def thread_body(thread: Thread) -> Frame:
    """`status`: idle, running, or interrupted: then `POST …/resume` goes on at the nodes of `next`."""
    body: Frame = {
        "thread_id": thread.thread_id,
        "status": _status(thread),
        "messages": [message for exchange in thread.exchanges for message in _messages(exchange)],
    }
    if thread.unanswered is not None:
        question, at = thread.unanswered
        body["messages"].append({"role": "user", "content": question, "created_at": rfc3339(at)})
        body["next"] = list(thread.next_nodes)
    return body


def _status(thread: Thread) -> str:
    if thread.running:
        return "running"
    return "idle" if thread.unanswered is None else "interrupted"


def _messages(exchange: Exchange) -> list[Frame]:
    asked_at, answered_at = rfc3339(exchange["asked_at"]), rfc3339(exchange["answered_at"])
    return [
        {"role": "user", "content": exchange["question"], "created_at": asked_at},
        {
            "role": "assistant",
            "content": exchange["answer"],
            "created_at": answered_at,
            **_facts(exchange),
        },
    ]


def _facts(exchange: Exchange) -> Frame:
    usage = exchange["usage"]
    return {
        "model": exchange["model"],
        "provider": exchange["provider"],
        "degraded": exchange["degraded"],
        "route": exchange["route"],
        "revisions": exchange["revisions"],
        "approved": exchange["approved"],
        "usage": {
            "prompt_tokens": usage["prompt"],
            "completion_tokens": usage["completion"],
            "total_tokens": usage["prompt"] + usage["completion"],
        },
    }


def _problem_body(problem: ProblemError, instance: str) -> Frame:
    return problem.body(instance=instance, request_id=current_request_id())
