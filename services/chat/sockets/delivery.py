"""Brings a reply to one socket as it is written. A slow reader holds up nobody but its own delivery."""

from contextlib import aclosing

from services.chat import frames
from services.chat.feeds import ReplyFeed
from services.common.sockets.wire import Wire

INSTANCE = "/ws"


async def deliver(wire: Wire, feed: ReplyFeed, after_seq: int) -> None:
    """What comes after this seq, up to the ending. Raises PeerGone.

    A reply that was interrupted can end at a seq its reader had passed already: what the dead writer had
    sent, but not kept. Its reader is told of the ending all the same.
    """
    async with aclosing(feed.after(after_seq)) as entries:
        async for entry in entries:
            await wire.send(frames.entry_frame(feed.reply_id, entry, INSTANCE))
    ending = feed.ending
    if ending is not None and ending.seq <= after_seq:
        await wire.send(frames.entry_frame(feed.reply_id, ending, INSTANCE))
