"""One-use tickets for the WebSocket: what a page sends in the address instead of its token."""

import json
import secrets
from dataclasses import dataclass

from services.chat.store.seam import ConversationStore
from services.common.auth import Principal
from services.common.problems import Unauthorized

_MAX_CHARS = 128


@dataclass(frozen=True, slots=True)
class TicketOffice:
    store: ConversationStore
    ttl_seconds: float

    async def issue(self, principal: Principal) -> str:
        """Good once, on any replica. Carries the token's own expiry."""
        ticket = secrets.token_urlsafe(32)
        value = {
            "subject": principal.subject,
            "scopes": sorted(principal.scopes),
            "expires_at": principal.expires_at,
        }
        await self.store.put_once(ticket, json.dumps(value), self.ttl_seconds)
        return ticket

    async def redeem(self, ticket: str) -> Principal:
        """Raises Unauthorized for a ticket that was used, has expired, or never was."""
        value = await self.store.take_once(ticket) if len(ticket) <= _MAX_CHARS else None
        if value is None:
            raise Unauthorized("The ticket was used, has expired, or never was.")
        found = json.loads(value)
        return Principal(found["subject"], frozenset(found["scopes"]), found["expires_at"])
