"""Asks the store twice a second whether it is there, so that readiness answers out of memory."""

import asyncio

from services.chat.problems import StoreUnavailable
from services.chat.store.seam import ConversationStore
from services.common import telemetry
from services.common.circuit_breaker import BreakerState

_log = telemetry.get_logger()


class StoreWatch:
    def __init__(self, store: ConversationStore, *, interval_seconds: float) -> None:
        self.present = False
        self._store = store
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._interval_seconds)

    async def look(self) -> None:
        """A ping that was under way when the breaker opened may succeed: calls are refused all the same."""
        was_present = self.present
        try:
            await self._store.ping()
            self.present = self._store.breaker_state is not BreakerState.OPEN
        except StoreUnavailable:
            self.present = False
        if self.present != was_present:
            _log.info("store_present" if self.present else "store_away")
