"""The graph: route → recall → draft → check → answer, back from check to draft at most twice.

Each node is retried where that may help, and tells of each attempt (events.py). Knows no HTTP and no Redis.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy

from services.agent.events import NodeFailed, NodeFinished, NodeStarted
from services.agent.metrics import AgentMetrics
from services.agent.nodes import CONTINUED, Nodes, Step, attempt_of
from services.agent.problems import NoAnswer, ThreadsUnavailable
from services.agent.rules import AgentRules
from services.agent.state import AgentState, RunContext
from services.common.problems import DeadlineExceeded, ProblemError

Graph = CompiledStateGraph[AgentState, RunContext, AgentState, AgentState]
Node = Callable[[AgentState, Runtime[RunContext]], Awaitable[Step]]
_FINAL = (DeadlineExceeded, NoAnswer, ThreadsUnavailable)


def build_graph(
    nodes: Nodes, rules: AgentRules, saver: BaseCheckpointSaver[Any], metrics: AgentMetrics
) -> Graph:
    graph = StateGraph(AgentState, context_schema=RunContext)
    policy = RetryPolicy(
        initial_interval=rules.retry_seconds, max_attempts=rules.node_attempts_max, retry_on=worth_retrying
    )
    for name in ("route", "recall", "draft", "check", "answer"):
        told = _told(name, getattr(nodes, name), rules.node_attempts_max, metrics)
        graph.add_node(name, told, retry_policy=policy)
    graph.add_edge(START, "route")
    graph.add_conditional_edges("route", _after_route)
    graph.add_edge("recall", "draft")
    graph.add_edge("draft", "check")
    graph.add_conditional_edges("check", _after_check(rules.revisions_max))
    graph.add_edge("answer", END)
    return graph.compile(checkpointer=saver)


def worth_retrying(error: Exception) -> bool:
    """Not what the client got wrong, nor what another attempt cannot change."""
    if isinstance(error, ProblemError):
        return error.status >= 500 and not isinstance(error, _FINAL)
    return True


def _after_route(state: AgentState) -> Literal["recall", "draft"]:
    return "recall" if state["route"] == CONTINUED else "draft"


def _after_check(revisions_max: int) -> Callable[[AgentState], str]:
    def decide(state: AgentState) -> Literal["draft", "answer"]:
        return "draft" if state["objection"] and state["revisions"] < revisions_max else "answer"

    return decide


def _told(name: str, node: Node, attempts_max: int, metrics: AgentMetrics) -> Any:
    """The node, with each attempt told to the run's watcher and to the metrics."""

    async def told(state: AgentState, runtime: Runtime[RunContext]) -> dict[str, Any]:
        attempt = attempt_of(runtime)
        runtime.stream_writer(NodeStarted(name, attempt))
        started = time.perf_counter()
        try:
            step = await node(state, runtime)
        except Exception as exc:
            metrics.node_ended(name, "failed", time.perf_counter() - started)
            will_retry = attempt < attempts_max and worth_retrying(exc)
            runtime.stream_writer(NodeFailed(name, attempt, _reason(exc), will_retry))
            raise
        seconds = time.perf_counter() - started
        metrics.node_ended(name, "ok", seconds)
        runtime.stream_writer(NodeFinished(name, attempt, round(seconds, 3), step.facts))
        return step.update

    return told


def _reason(error: Exception) -> str:
    return error.type if isinstance(error, ProblemError) else type(error).__name__
