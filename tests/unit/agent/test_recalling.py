"""Which earlier exchanges a draft is shown."""

from services.agent.recalling import choose_context, relevance
from services.agent.state import EXCHANGES_MAX, Exchange, keep_newest


def exchange(question: str, answer: str = "Yes.") -> Exchange:
    return {
        "question": question,
        "answer": answer,
        "asked_at": 0.0,
        "answered_at": 0.0,
        "model": "m",
        "provider": "p",
        "degraded": False,
        "route": "fresh",
        "revisions": 0,
        "approved": True,
        "usage": {"prompt": 0, "completion": 0},
    }


TALK = [
    exchange("My cat is named Oliver", "A fine name."),
    exchange("What is the capital of France?", "Paris."),
    exchange("How do I boil an egg?", "Seven minutes."),
    exchange("And a potato?", "Twenty minutes."),
    exchange("Thanks", "You are welcome."),
]


def shown(question: str, recent: int = 1, recalled: int = 1) -> list[str]:
    return [item["question"] for item in choose_context(TALK, question, recent=recent, recalled=recalled)]


def test_the_newest_are_always_shown_in_order() -> None:
    assert shown("Zebra?", recent=2) == ["And a potato?", "Thanks"]


def test_an_old_exchange_is_found_by_its_words() -> None:
    assert shown("What was my cat named?") == ["My cat is named Oliver", "Thanks"]
    assert shown("Tell me of the capital") == ["What is the capital of France?", "Thanks"]


def test_what_shares_no_word_is_not_shown() -> None:
    assert shown("Zebra?", recent=0) == []


def test_recalled_exchanges_stay_in_the_order_in_which_they_were_said() -> None:
    assert shown("egg, capital, cat", recent=0, recalled=3) == [item["question"] for item in TALK[:3]]


def test_a_rare_word_tells_more_than_a_common_one() -> None:
    scores = relevance("the zebra", ["the the the", "the zebra", "the bird", "the fish"])
    assert scores[1] == max(scores)


def test_a_thread_keeps_its_newest_exchanges() -> None:
    kept = keep_newest([exchange(str(at)) for at in range(EXCHANGES_MAX)], [exchange("last")])
    assert len(kept) == EXCHANGES_MAX
    assert (kept[0]["question"], kept[-1]["question"]) == ("1", "last")
