"""What a model is shown: for a draft, for another draft, and to check one. Pure."""

from collections.abc import Sequence

from services.agent.state import AgentState, Draft, Exchange
from services.common.language_models.provider import Message

_DRAFT_CHARS_SHOWN = 4_000

_REVISE = """{question}

An earlier answer of yours was turned down. It was:
{draft}

What is wrong with it: {objection}
Answer the question again, better, and say nothing about the earlier answer."""

_CHECK = """Someone asked:
{question}

This answer is about to be given:
{draft}

Does it answer what was asked? Reply with the single word PASS if it does. If it does not, reply with the
word REVISE and one short sentence that says what is missing or wrong."""


def for_draft(state: AgentState) -> list[Message]:
    """The conversation so far and the question; for a revision with what was wrong."""
    return [*_dialogue(state["context"]), Message("user", _request(state))]


def for_check(question: str, draft: Draft) -> list[Message]:
    return [Message("user", _CHECK.format(question=question, draft=_shown(draft)))]


def _request(state: AgentState) -> str:
    question, draft = state["question"], state["draft"]
    if draft is None or not state["objection"]:
        return question
    return _REVISE.format(question=question, draft=_shown(draft), objection=state["objection"])


def _dialogue(exchanges: Sequence[Exchange]) -> list[Message]:
    return [
        message
        for exchange in exchanges
        for message in (Message("user", exchange["question"]), Message("assistant", exchange["answer"]))
    ]


def _shown(draft: Draft) -> str:
    return draft["content"][:_DRAFT_CHARS_SHOWN] or "(nothing)"
