"""Renders the routing file as a Caddyfile. Pure; called by __main__.py."""

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.schema import Balance, Credential, HealthCheck, Route, Routing, Service, upstreams_variable

_CREDENTIAL_MATCHERS: dict[Credential, str] = {
    "authorization": "header Authorization Bearer*",
    "token": "query token=*",
    "ticket": "query ticket=*",
    "subprotocol": "header Sec-WebSocket-Protocol *bearer*",
}


@dataclass(frozen=True, slots=True)
class RouteBlock:
    """One `handle` of the Caddyfile."""

    path: str
    route: Route
    service_name: str
    service: Service
    proxy: str

    @property
    def credential_matchers(self) -> tuple[str, ...]:
        return tuple(_CREDENTIAL_MATCHERS[credential] for credential in self.route.websocket_credentials)


@dataclass(frozen=True, slots=True)
class ProxyBlock:
    """One `reverse_proxy`. Routes of one service and one patience share it and its health checks.

    `reads`: this is the one of all the service's GETs, which may be asked again (see Retries).
    """

    name: str
    upstreams: str
    service_name: str
    service: Service
    health_check: HealthCheck
    response_header_timeout_ms: int
    reads: bool

    @property
    def is_ordered(self) -> bool:
        return self.service.balance is Balance.ORDERED

    @property
    def last_word(self) -> str:
        """The upstream after all others of an ordered pair: a site of the gateway itself (decision 0032)."""
        return f"unix/{{$PARLEY_ADMIN_SOCKET:/run/caddy/admin.sock}}.{self.service_name}"


def render(routing: Routing) -> str:
    environment = Environment(
        loader=PackageLoader("gateway", "templates"),
        autoescape=False,  # noqa: S701 - a Caddyfile is not HTML; the schema keeps quotes and braces out
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("Caddyfile.j2")
    blocks = sorted(_route_blocks(routing), key=_most_specific_first)
    return template.render(routing=routing, blocks=blocks, proxies=list(_proxy_blocks(routing)))


def _route_blocks(routing: Routing) -> Iterator[RouteBlock]:
    for name, service in routing.services.items():
        for path, route in service.routes.items():
            yield RouteBlock(path, route, name, service, _proxy_name(name, route))


def _most_specific_first(block: RouteBlock) -> tuple[bool, int, str]:
    """Exact paths, then prefixes from the longest to the shortest: the first that matches decides."""
    return block.path.endswith("/*"), -len(block.path), block.path


def _proxy_blocks(routing: Routing) -> Iterator[ProxyBlock]:
    for name, service in routing.services.items():
        variable, default = upstreams_variable(name), " ".join(service.upstreams)
        upstreams, check = f"{{${variable}:{default}}}", routing.health_check_of(service)
        read_ms = routing.retries.read_timeout_ms
        yield ProxyBlock(f"{name}-reads", upstreams, name, service, check, read_ms, reads=True)
        for seconds in sorted({route.response_header_timeout_seconds for route in service.routes.values()}):
            proxy = f"{name}-{seconds}s"
            yield ProxyBlock(proxy, upstreams, name, service, check, seconds * 1000, reads=False)


def _proxy_name(service: str, route: Route) -> str:
    return f"{service}-{route.response_header_timeout_seconds}s"
