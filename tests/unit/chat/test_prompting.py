"""What a model is shown: answered questions with their answers, by turns, and then the question."""

from services.chat.prompting import dialogue
from services.chat.store.records import MessageStatus, ReplyFacts, StoredMessage
from services.common.language_models.provider import Message

FACTS = ReplyFacts("p", "m", degraded=False, finish_reason="stop", prompt_tokens=1, completion_tokens=1)


def question(number: int, status: MessageStatus = MessageStatus.ANSWERED) -> StoredMessage:
    return StoredMessage(f"m{number}", "user", f"question {number}", 0.0, status, reply_id=f"r{number}")


def reply(number: int) -> StoredMessage:
    return StoredMessage(
        f"r{number}", "assistant", f"answer {number}", 0.0, MessageStatus.COMPLETE, None, f"m{number}", FACTS
    )


def test_answers_follow_their_questions_even_if_they_came_in_another_order() -> None:
    history = [question(1), question(2), reply(2), reply(1)]
    assert [message.content for message in dialogue(history, "now")] == [
        "question 1",
        "answer 1",
        "question 2",
        "answer 2",
        "now",
    ]


def test_what_was_not_answered_is_left_out() -> None:
    history = [
        question(1),
        reply(1),
        question(2, MessageStatus.UNANSWERED),
        question(3, MessageStatus.PENDING),
    ]
    assert [message.role for message in dialogue(history, "now")] == ["user", "assistant", "user"]


def test_an_answer_whose_question_was_trimmed_away_is_left_out() -> None:
    assert dialogue([reply(1)], "now") == [Message("user", "now")]
