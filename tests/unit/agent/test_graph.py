"""The graph over a scripted chain: which way a run goes, what is retried, and what is told of it."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from prometheus_client import CollectorRegistry

from services.agent.events import DraftDelta, DraftVoided, NodeFailed, NodeFinished, NodeStarted
from services.agent.graph import build_graph, worth_retrying
from services.agent.metrics import AgentMetrics
from services.agent.nodes import Nodes
from services.agent.problems import NoAnswer, ThreadsUnavailable
from services.agent.rules import AgentRules
from services.agent.state import AgentState, Exchange, RunContext, asked
from services.common.admission import Deadline
from services.common.language_models.problems import ModelNotFound, NoLanguageModel
from services.common.problems import DeadlineExceeded
from tests.support.agent_chain import CUT, FAILS, RESTARTS, ScriptedChain

LOOP = "I am a helpful assistant and I like to help. " * 3


class Thread:
    """A thread of the graph in memory, with the events of its runs."""

    def __init__(self, chain: ScriptedChain, **changes: Any) -> None:
        rules = AgentRules(**{"retry_seconds": 0.001, **changes})
        nodes = Nodes(chain, rules, clock=lambda: 1_000.0)
        self.registry = CollectorRegistry()
        self._graph = build_graph(nodes, rules, InMemorySaver(), AgentMetrics(self.registry))
        self.events: list[Any] = []

    async def ask(self, question: str) -> Exchange:
        return await self._run(asked(question, None, 900.0))

    async def resume(self) -> Exchange:
        return await self._run(None)

    async def next_nodes(self) -> tuple[str, ...]:
        return (await self._graph.aget_state(_CONFIG)).next

    @property
    def nodes(self) -> list[str]:
        return [event.node for event in self.events if isinstance(event, NodeFinished)]

    async def _run(self, given: AgentState | None) -> Exchange:
        self.events = []
        context = RunContext(Deadline.after(60))
        async for event in self._graph.astream(given, _CONFIG, context=context, stream_mode="custom"):
            self.events.append(event)
        state = await self._graph.aget_state(_CONFIG)
        exchanges: list[Exchange] = state.values["exchanges"]
        return exchanges[-1]


_CONFIG: Any = {"configurable": {"thread_id": "t"}}


async def test_a_first_question_has_nothing_to_recall() -> None:
    thread = Thread(ScriptedChain())
    exchange = await thread.ask("What is two and two?")
    assert thread.nodes == ["route", "draft", "check", "answer"]
    assert exchange["answer"] == "It is four."
    assert exchange["approved"]
    assert exchange["route"] == "fresh"
    assert (exchange["asked_at"], exchange["answered_at"]) == (900.0, 1_000.0)


async def test_a_second_question_is_shown_the_first_exchange() -> None:
    chain = ScriptedChain(["It is four.", "Four again."])
    thread = Thread(chain)
    await thread.ask("What is two and two?")
    await thread.ask("Once more?")
    assert thread.nodes == ["route", "recall", "draft", "check", "answer"]
    said = [message.content.strip() for message in chain.asked[1]]
    assert said == ["You are a careful assistant.", "What is two and two?", "It is four.", "Once more?"]


async def test_a_draft_that_the_model_turns_down_is_written_anew_with_the_reason() -> None:
    chain = ScriptedChain(["Bread.", "It is four."], ["REVISE: it speaks of bread", "PASS"])
    thread = Thread(chain)
    exchange = await thread.ask("What is two and two?")
    assert thread.nodes == ["route", "draft", "check", "draft", "check", "answer"]
    assert (exchange["answer"], exchange["revisions"], exchange["approved"]) == ("It is four.", 1, True)
    request = chain.asked[1][-1].content
    assert "it speaks of bread" in request
    assert "Bread." in request
    assert "What is two and two?" in request


@pytest.mark.parametrize("bad", ["", LOOP, f"{CUT}It goes on and"])
async def test_what_a_rule_can_see_costs_no_verdict_of_the_model(bad: str) -> None:
    chain = ScriptedChain([bad, "It is four."])
    exchange = await Thread(chain).ask("What is two and two?")
    assert exchange["answer"] == "It is four."
    assert len(chain.checked) == 1


async def test_two_revisions_at_most_and_then_the_last_draft_unapproved() -> None:
    chain = ScriptedChain(["one", "two", "three", "four"], ["REVISE: not yet"])
    thread = Thread(chain)
    exchange = await thread.ask("What?")
    assert thread.nodes.count("draft") == 3
    assert (exchange["answer"], exchange["revisions"], exchange["approved"]) == ("three", 2, False)


async def test_a_model_that_says_nothing_three_times_gave_no_answer() -> None:
    thread = Thread(ScriptedChain([""]))
    with pytest.raises(NoAnswer):
        await thread.ask("What?")
    assert [event for event in thread.events if isinstance(event, NodeFailed)] == [
        NodeFailed("answer", 1, "/problems/no-answer", will_retry=False)
    ]


async def test_a_node_that_fails_is_retried_and_told() -> None:
    thread = Thread(ScriptedChain([FAILS, FAILS, "It is four."]))
    exchange = await thread.ask("What is two and two?")
    assert exchange["answer"] == "It is four."
    told = [event for event in thread.events if isinstance(event, NodeStarted | NodeFailed)]
    assert told[1:6] == [
        NodeStarted("draft", 1),
        NodeFailed("draft", 1, "/problems/no-language-model", will_retry=True),
        NodeStarted("draft", 2),
        NodeFailed("draft", 2, "/problems/no-language-model", will_retry=True),
        NodeStarted("draft", 3),
    ]


async def test_a_run_that_failed_goes_on_at_the_node_that_failed() -> None:
    chain = ScriptedChain([FAILS, FAILS, FAILS, "It is four."])
    thread = Thread(chain)
    with pytest.raises(NoLanguageModel):
        await thread.ask("What is two and two?")
    assert await thread.next_nodes() == ("draft",)
    exchange = await thread.resume()
    assert thread.nodes == ["draft", "check", "answer"]
    assert exchange["question"] == "What is two and two?"


async def test_a_new_question_takes_the_place_of_one_that_was_never_answered() -> None:
    chain = ScriptedChain([FAILS, FAILS, FAILS, "Blue."])
    thread = Thread(chain)
    with pytest.raises(NoLanguageModel):
        await thread.ask("What is two and two?")
    exchange = await thread.ask("What colour is the sky?")
    assert exchange["question"] == "What colour is the sky?"
    assert exchange["revisions"] == 0
    assert [message.content for message in chain.asked[-1]][1:] == ["What colour is the sky?"]


async def test_a_draft_that_nobody_can_check_is_answered_after_three_tries() -> None:
    chain = ScriptedChain(verdicts=[FAILS])
    exchange = await Thread(chain).ask("What is two and two?")
    assert exchange["approved"]
    assert len(chain.checked) == 3


async def test_the_pieces_of_each_draft_are_told_as_they_come() -> None:
    thread = Thread(ScriptedChain(["Bread.", "It is four."], ["REVISE: no", "PASS"]))
    await thread.ask("What is two and two?")
    pieces = [event for event in thread.events if isinstance(event, DraftDelta)]
    assert "".join(piece.content for piece in pieces if piece.revision == 0).strip() == "Bread."
    assert "".join(piece.content for piece in pieces if piece.revision == 1).strip() == "It is four."


async def test_pieces_of_a_provider_that_died_are_said_to_be_void() -> None:
    thread = Thread(ScriptedChain([f"{RESTARTS}It is four."]))
    exchange = await thread.ask("What is two and two?")
    assert exchange["answer"] == "It is four."
    assert (exchange["provider"], exchange["degraded"]) == ("other", True)
    told = [event for event in thread.events if isinstance(event, DraftDelta | DraftVoided)]
    assert told.index(DraftVoided(0)) == 1


async def test_tokens_of_drafts_and_checks_count_together() -> None:
    exchange = await Thread(ScriptedChain(["a b c"], ["PASS"])).ask("What?")
    assert exchange["usage"] == {"prompt": 20, "completion": 4}


async def test_without_the_models_check_the_rules_decide() -> None:
    chain = ScriptedChain()
    await Thread(chain, check_with_model=False).ask("What is two and two?")
    assert chain.checked == []


async def test_what_a_client_got_wrong_is_not_tried_again() -> None:
    assert not worth_retrying(ModelNotFound())
    assert not worth_retrying(DeadlineExceeded("late"))
    assert not worth_retrying(ThreadsUnavailable())
    assert worth_retrying(NoLanguageModel({}, 1.0))
    assert worth_retrying(RuntimeError("a bug, or a hiccup"))


async def test_the_metrics_count_attempts_by_their_outcome() -> None:
    thread = Thread(ScriptedChain([FAILS, "It is four."]))
    await thread.ask("What is two and two?")
    for outcome in ("failed", "ok"):
        labels = {"node": "draft", "outcome": outcome}
        assert thread.registry.get_sample_value("agent_node_seconds_count", labels) == 1
