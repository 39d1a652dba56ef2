"""Decides whether a WebSocket is opened: origin, session, identity. Everything before it is accepted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.chat.conversation import new_session_id
from services.chat.inputs import SESSION_ID
from services.chat.store.seam import ConversationStore
from services.common.auth import Principal, TokenVerifier
from services.common.auth.websocket import (
    UpgradeCredentials,
    judge_origin,
    upgrade_credentials,
    upgrade_query,
)
from services.common.problems import Forbidden, InvalidRequest
from services.common.tickets import redeemed

SCOPE = "chat"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who opens the socket, and the session it is for; a new one where the address names none."""

    principal: Principal
    session_id: str
    subprotocol: str | None


@dataclass(frozen=True, slots=True)
class Handshake:
    store: ConversationStore
    allowed_origins: frozenset[str]

    async def visitor(self, scope: Mapping[str, Any]) -> Visitor:
        """Raises ProblemError, whose status is the answer to the upgrade.

        The origin comes first: a page from elsewhere must not use up a ticket.
        """
        judge_origin(scope, self.allowed_origins)
        credentials = upgrade_credentials(scope)
        principal = await self._principal(credentials, scope["app"].state.token_verifier)
        if not principal.may(SCOPE):
            raise Forbidden(f"The token lacks the scope {SCOPE}.", required_scopes=[SCOPE])
        session_id = _named_session(scope)
        if session_id is not None:
            await self.store.owns(principal.subject, session_id)
        return Visitor(principal, session_id or new_session_id(), credentials.subprotocol)

    async def _principal(self, credentials: UpgradeCredentials, verifier: TokenVerifier) -> Principal:
        token = credentials.token
        if credentials.ticket is not None:
            token = await redeemed(self.store, credentials.ticket)
        return await verifier.verify(token or "")


def _named_session(scope: Mapping[str, Any]) -> str | None:
    named = upgrade_query(scope).get("session_id", [])
    if any(not re.fullmatch(SESSION_ID, one) for one in named) or len(named) > 1:
        raise InvalidRequest(
            "The request does not have the form this endpoint takes.",
            errors=[{"field": "query.session_id", "message": f"Should match the pattern {SESSION_ID}"}],
        )
    return named[0] if named else None
