"""What a model is shown of a conversation. Pure; called by generation.py."""

from collections.abc import Sequence

from services.chat.store.records import StoredMessage
from services.common.language_models.provider import Message


def dialogue(history: Sequence[StoredMessage], question: str) -> list[Message]:
    """Each answered message followed by its answer, then the question: user and assistant by turns.

    What was never answered, or is being answered at the same time, is left out: many chat templates
    refuse two messages of one role in a row. So is an answer of which nothing was heard.
    """
    replies = {message.in_reply_to: message for message in history if message.role == "assistant"}
    messages = []
    for message in history:
        reply = replies.get(message.message_id)
        if message.role == "user" and reply is not None and reply.content:
            messages += [Message("user", message.content), Message("assistant", reply.content)]
    return [*messages, Message("user", question)]
