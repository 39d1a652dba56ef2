"""Who opens a WebSocket: where the upgrade may carry its identity, and from which page it may come.

A browser cannot set a header on a WebSocket, hence the address and the subprotocol.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from services.common.auth.dependencies import bearer_token
from services.common.problems import Forbidden, Unauthorized

BEARER = "bearer"
_QUERY_FIELDS_MAX = 16


@dataclass(frozen=True, slots=True)
class UpgradeCredentials:
    """Exactly one of `token` and `ticket`. `subprotocol`: what the upgrade has to be answered with."""

    token: str | None
    ticket: str | None
    subprotocol: str | None


def upgrade_credentials(scope: Mapping[str, Any]) -> UpgradeCredentials:
    """From an ASGI scope. Raises Unauthorized where there is none, or more than one that differ."""
    query = upgrade_query(scope)
    offered = _offered_by_subprotocol(scope["subprotocols"])
    tokens = {*query.get("token", ()), *_offered_by_header(scope), *offered}
    tickets = set(query.get("ticket", ()))
    if not tokens | tickets:
        raise Unauthorized("Send a token: ?token=<jwt>, ?ticket=, or the subprotocols bearer, <jwt>.")
    if len(tokens) + len(tickets) > 1:
        raise Unauthorized("The upgrade carries more than one identity.")
    return UpgradeCredentials(
        token=next(iter(tokens), None),
        ticket=next(iter(tickets), None),
        subprotocol=BEARER if offered else None,
    )


def upgrade_query(scope: Mapping[str, Any]) -> dict[str, list[str]]:
    try:
        return parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:
        raise Unauthorized("The address has too many parameters.") from None


def judge_origin(scope: Mapping[str, Any], allowed: frozenset[str]) -> None:
    """A client that sends no Origin is no browser. Raises Forbidden. Source: RFC 6455, 10.2."""
    origins = _headers(scope, b"origin")
    if any(origin.rstrip("/").lower() not in allowed for origin in origins) or len(origins) > 1:
        raise Forbidden("Pages of that origin may not open a WebSocket here.")


def _offered_by_subprotocol(subprotocols: list[str]) -> set[str]:
    """The pair `bearer, <jwt>`."""
    if BEARER not in subprotocols:
        return set()
    return set(subprotocols[subprotocols.index(BEARER) + 1 :][:1])


def _offered_by_header(scope: Mapping[str, Any]) -> set[str]:
    return {bearer_token(header) for header in _headers(scope, b"authorization")}


def _headers(scope: Mapping[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
