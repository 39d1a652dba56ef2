"""Checks of the gateway itself: every route is there, guarded, and nothing else is."""

import time
from http import HTTPStatus

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from gateway.integration_validator.checks import Check, NotApplicable, Subject
from gateway.integration_validator.identity import expired
from gateway.integration_validator.visitor import Unexpected, Visitor, demand, problem
from gateway.schema import Routing

GATEWAY, IDENTITY = "Gateway", "Identity"
_REFUSED = 401
_GUARDED = {_REFUSED, 405}
"""405: a route that takes no GET, so that it is the service that says so."""
_SERVICE_FAULTS = {502, 503, 504}
UNKNOWN_PATH = "/no/such/path"
_CHEAP_READS = {
    "voice-interaction-service": "/api/v1/voice/models/status",
    "chat-service": "/api/v1/chat-service/api/v1/chat/sessions",
}


async def gateway_answers(visitor: Visitor, _: Subject) -> str:
    await visitor.get("/health", anonymous=True)
    return "The gateway answers."


async def every_route_reaches_its_service(visitor: Visitor, subject: Subject) -> str:
    """A service that is reached refuses a caller without a token; a route that is missing says 404."""
    faults, away = [], _Away(subject)
    paths = _paths(subject.routing)
    for name, path in paths:
        started = time.perf_counter()
        reply = await visitor.client.get(path)
        visitor.note(f"GET {path} (no token)", str(reply.status_code), time.perf_counter() - started)
        if reply.status_code in _SERVICE_FAULTS:
            away.add(name, path)
        elif reply.status_code not in _GUARDED:
            faults.append(f"{path} answered {reply.status_code} to a caller without a token")
    faults += away.told()
    demand(not faults, "; ".join(faults) + ".")
    return f"Each of the {len(paths)} routes reaches its service, which wants a token."


async def every_socket_reaches_its_service(visitor: Visitor, subject: Subject) -> str:
    """With a token that is none: the gateway lets it pass, and the service refuses it before it opens."""
    faults, away = [], _Away(subject)
    paths = _socket_paths(subject.routing)
    for name, path in paths:
        status = await _refusal_status(f"{subject.base_url.replace('http', 'ws', 1)}{path}?token=not-a-token")
        visitor.note(f"WS {path} (a token that is none)", str(status), 0.0)
        if status in _SERVICE_FAULTS:
            away.add(name, path)
        elif status != _REFUSED:
            faults.append(f"{name}: {path} answered {status}")
    faults += away.told()
    demand(not faults, "; ".join(faults) + ".")
    return f"Each of the {len(paths)} WebSocket routes reaches its service, which wants a good token."


class _Away:
    """Services in whose place the gateway answered, and for which of their paths."""

    def __init__(self, subject: Subject) -> None:
        self._known: set[str] = subject.left.setdefault("away", set())
        self._paths: dict[str, list[str]] = {}

    def add(self, service: str, path: str) -> None:
        self._known.add(service)
        self._paths.setdefault(service, []).append(path)

    def told(self) -> list[str]:
        return [f"{service} is not there ({', '.join(paths)})" for service, paths in self._paths.items()]


async def _refusal_status(address: str) -> int:
    try:
        async with connect(address, proxy=None):
            return HTTPStatus.SWITCHING_PROTOCOLS
    except InvalidStatus as refusal:
        return refusal.response.status_code
    except (WebSocketException, OSError, TimeoutError) as exc:
        raise Unexpected(f"{address.partition('?')[0]} gave no answer.") from exc


async def every_upstream_is_healthy(visitor: Visitor, _: Subject) -> str:
    """As the monitor saw it last; the other checks of the gateway ask for themselves."""
    upstreams = (await visitor.get("/api/v1/gateway/status")).json()["upstreams"]
    unwell = [
        f"{one['service']} at {one['upstream']}: {one['error'] or one['state']}"
        for one in upstreams
        if not one["healthy"]
    ]
    demand(not unwell, f"{'; '.join(unwell)}.")
    return f"The monitor finds all {len(upstreams)} upstreams healthy."


async def unknown_path_is_a_problem(visitor: Visitor, _: Subject) -> str:
    problem(await visitor.get(UNKNOWN_PATH, expect=404))
    return "A path that is not there answers 404, as a problem document."


async def internal_paths_are_hidden(visitor: Visitor, subject: Subject) -> str:
    through_prefixes = [f"{prefix}{path}" for prefix in _cut_prefixes(subject) for path in _INTERNAL]
    for path in ("/metrics", *through_prefixes):
        await visitor.get(path, expect=404)
    return "Metrics and health of the services cannot be reached from outside."


async def request_id_comes_back(visitor: Visitor, _: Subject) -> str:
    wanted = f"validator-{time.time_ns()}"
    reply = await visitor.get(UNKNOWN_PATH, expect=404, headers={"X-Request-ID": wanted})
    demand(reply.headers.get("x-request-id") == wanted, "The request id that was sent did not come back.")
    return "A request id is kept and returned."


async def no_token_is_refused(visitor: Visitor, subject: Subject) -> str:
    problem(await visitor.get(_guarded(subject), expect=_REFUSED, anonymous=True))
    return "A caller without a token is refused."


async def forged_token_is_refused(visitor: Visitor, subject: Subject) -> str:
    header, payload, _ = visitor.token.split(".")
    for token in (f"{header}.{payload}.AAAA", f"eyJhbGciOiJub25lIn0.{payload}.", "not-a-token"):
        headers = {"Authorization": f"Bearer {token}"}
        problem(await visitor.get(_guarded(subject), expect=_REFUSED, headers=headers))
    return "A forged, an unsigned and a meaningless token are refused."


async def expired_token_is_refused(visitor: Visitor, subject: Subject) -> str:
    secret = subject.left.get("secret")
    if not secret:
        raise NotApplicable("Only a token was given, no secret: an expired one cannot be made.")
    headers = {"Authorization": f"Bearer {expired(secret)}"}
    problem(await visitor.get(_guarded(subject), expect=_REFUSED, headers=headers))
    return "An expired token is refused."


async def good_token_is_accepted(visitor: Visitor, subject: Subject) -> str:
    await visitor.get(_guarded(subject))
    return "A good token is let in."


_INTERNAL = ("/metrics", "/health", "/health/ready")


def _paths(routing: Routing) -> list[tuple[str, str]]:
    """A concrete path for every route that is not a WebSocket's."""
    return [
        (name, route.example or path)
        for name, service in routing.services.items()
        for path, route in service.routes.items()
        if not route.websocket_credentials
    ]


def _socket_paths(routing: Routing) -> list[tuple[str, str]]:
    return [
        (name, route.example or path)
        for name, service in routing.services.items()
        for path, route in service.routes.items()
        if route.websocket_credentials
    ]


def _cut_prefixes(subject: Subject) -> list[str]:
    routes = (route for service in subject.routing.services.values() for route in service.routes.values())
    return sorted({route.cut_prefix for route in routes if route.cut_prefix})


def _guarded(subject: Subject) -> str:
    """A cheap read that wants any token, of a service that is there."""
    known = [path for service, path in _CHEAP_READS.items() if subject.has_service(service)]
    away = subject.left.get("away", ())
    there = [path for service, path in _CHEAP_READS.items() if path in known and service not in away]
    if not known:
        raise Unexpected("The routing file has neither a voice nor a chat service.")
    return (there or known)[0]


CHECKS = (
    Check(GATEWAY, "Answers", gateway_answers, "./scripts/status"),
    Check(GATEWAY, "Health", every_upstream_is_healthy, "scripts/gateway_health_monitor.py --once"),
    Check(GATEWAY, "Routes", every_route_reaches_its_service, "scripts/gateway_health_monitor.py --once"),
    Check(GATEWAY, "Sockets", every_socket_reaches_its_service, "the route's websocket_credentials"),
    Check(GATEWAY, "Unknown path", unknown_path_is_a_problem, "the site's last handle in caddy/Caddyfile"),
    Check(GATEWAY, "Internal paths", internal_paths_are_hidden, "hidden_paths in service_routing.yml"),
    Check(GATEWAY, "Request id", request_id_comes_back, "the request-id block of caddy/Caddyfile"),
    Check(IDENTITY, "No token", no_token_is_refused, "services/common/auth"),
    Check(IDENTITY, "Forged token", forged_token_is_refused, "services/common/auth"),
    Check(IDENTITY, "Expired token", expired_token_is_refused, "services/common/auth; the machines' clocks"),
    Check(IDENTITY, "Good token", good_token_is_accepted, "JWT_SECRET must be the same for every service"),
)
