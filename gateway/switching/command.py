"""`python -m gateway switch --service S --to COLOUR`. Called by gateway/__main__.py."""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
from redis.asyncio import Redis

from gateway.routing_file import DEFAULT_PATH, RoutingFileRefused, load_routing
from gateway.schema import HealthCheck, Routing, upstreams_of
from gateway.switching.colours import HttpColours
from gateway.switching.switch import Outcome, Patience, Switch
from gateway.whereabouts import whereabouts
from services.common.blue_green import Colour, SharedRoles

EXIT_OK, EXIT_NOT_MOVED, EXIT_USAGE = 0, 1, 2
_DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
_REDIS_TIMEOUT_SECONDS = 0.5
_ASK_SECONDS = 2.0


class CannotSwitch(Exception):
    """The routing file does not have this service in two colours."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    default = Patience()
    parser = commands.add_parser("switch", help="move a blue-green service to its other colour")
    parser.add_argument("--service", default="langgraph-enhanced", metavar="NAME")
    parser.add_argument("--to", type=Colour, choices=tuple(Colour), required=True)
    parser.add_argument(
        "--watch", type=float, default=default.watch_seconds, metavar="SECONDS",
        help=f"roll back if the new colour fails within this time ({default.watch_seconds:g})",
    )  # fmt: skip
    parser.add_argument(
        "--drain", type=float, default=default.drain_seconds, metavar="SECONDS",
        help=f"wait for the old colour's requests at most this long ({default.drain_seconds:g})",
    )  # fmt: skip
    parser.add_argument("--redis-url", metavar="URL", help="where the active colour is kept ($REDIS_URL)")
    parser.add_argument("--routing", type=Path, default=DEFAULT_PATH, metavar="FILE")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0: it is that colour now; 1: it is not, and the last line says why; 2: it cannot be asked for."""
    try:
        outcome = asyncio.run(_switch(options, whereabouts()))
    except (RoutingFileRefused, CannotSwitch, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    return EXIT_OK if outcome in {Outcome.MOVED, Outcome.ALREADY} else EXIT_NOT_MOVED


async def _switch(options: argparse.Namespace, places: Mapping[str, str]) -> Outcome:
    routing = load_routing(options.routing)
    upstreams, check = _pair(routing, options.service, places)
    redis_url = options.redis_url or places.get("REDIS_URL", _DEFAULT_REDIS_URL)
    patience = Patience(watch_seconds=options.watch, drain_seconds=options.drain)
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        Redis.from_url(
            redis_url,
            decode_responses=True,
            socket_timeout=_REDIS_TIMEOUT_SECONDS,
            socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
        ) as redis,
    ):
        colours = HttpColours(client, upstreams, ready_path=check.path, timeout_seconds=_ASK_SECONDS)
        switch = Switch(options.service, SharedRoles(redis, options.service), colours, _tell, patience)
        return await switch.to(options.to)


def _pair(routing: Routing, name: str, places: Mapping[str, str]) -> tuple[dict[Colour, str], HealthCheck]:
    """host:port of each colour. Raises CannotSwitch."""
    service = routing.services.get(name)
    if service is None or not service.colours:
        known = ", ".join(each for each, one in routing.services.items() if one.colours) or "none"
        raise CannotSwitch(f"{name} has no colours in the routing file (services that have: {known})")
    upstreams = upstreams_of(name, service, places)
    if len(upstreams) != len(service.colours):
        raise CannotSwitch(f"{name} has {len(upstreams)} upstreams for {len(service.colours)} colours")
    colours = (Colour(colour) for colour in service.colours)
    return dict(zip(colours, upstreams, strict=True)), routing.health_check_of(service)


def _tell(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()
