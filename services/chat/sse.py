"""The chat's frames as server-sent events."""

from services.chat.frames import Frame
from services.common import sse
from services.common.sse import KEEP_ALIVE, compact, event_stream, wants_events, with_pauses

__all__ = ["KEEP_ALIVE", "compact", "event", "event_stream", "wants_events", "with_pauses"]


def event(frame: Frame) -> bytes:
    """The frame's type is the event's name, its seq, if it has one, the event's id."""
    return sse.event(frame["type"], frame, frame.get("seq"))
