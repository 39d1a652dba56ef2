"""What both of Wyoming's servers do with an event: see to it, or say what was wrong and end."""

from abc import abstractmethod

from wyoming.error import Error
from wyoming.event import Event
from wyoming.server import AsyncEventHandler

from services.common.problems import ProblemError


class EventHandler(AsyncEventHandler):
    async def handle_event(self, event: Event) -> bool:
        """False after an error: whoever waits for a transcript or for audio heeds no error, only the end."""
        try:
            await self.handle(event)
        except ProblemError as problem:
            await self.write_event(Error(problem.detail, problem.title).event())
            return False
        return True

    @abstractmethod
    async def handle(self, event: Event) -> None:
        """Raises ProblemError."""
