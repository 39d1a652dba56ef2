"""A session as one document, written page by page, so that its length costs no memory."""

import json
from collections.abc import AsyncIterator, Sequence

from services.chat import frames
from services.chat.store.records import SessionSummary, StoredMessage
from services.chat.store.seam import ConversationStore

_PAGE_MESSAGES = 100
_SPEAKERS = {"user": "You", "assistant": "Parley"}
Pages = AsyncIterator[Sequence[StoredMessage]]


async def export_pages(store: ConversationStore, owner: str, session_id: str) -> Pages:
    """From the oldest message to the newest."""
    cursor = ""
    while True:
        page = await store.history(owner, session_id, after=cursor, limit=_PAGE_MESSAGES)
        yield page.messages
        if not page.has_more:
            return
        cursor = page.messages[-1].message_id


async def as_json(session: SessionSummary, pages: Pages) -> AsyncIterator[str]:
    head = json.dumps(frames.session_body(session), ensure_ascii=False, indent=1)
    yield head.removesuffix("\n}") + ',\n "messages": ['
    separator = "\n  "
    async for page in pages:
        for message in page:
            yield separator + json.dumps(frames.message_body(message), ensure_ascii=False)
            separator = ",\n  "
    yield "\n ]\n}\n"


async def as_markdown(session: SessionSummary, pages: Pages) -> AsyncIterator[str]:
    yield f"# {' '.join(session.title.split())}\n\nSession `{session.session_id}`\n"
    async for page in pages:
        for message in page:
            yield _section(message)


def _section(message: StoredMessage) -> str:
    notes = [frames.timestamp(message.created_at)]
    if message.facts is not None:
        notes.append(f"{message.facts.model} ({message.facts.provider})")
    if message.status not in {"answered", "complete"}:
        notes.append(str(message.status))
    return f"\n## {_SPEAKERS[message.role]}\n\n*{', '.join(notes)}*\n\n{message.content.strip()}\n"
