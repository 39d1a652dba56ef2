"""The monitor in a terminal. Called by scripts/gateway_health_monitor.py."""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from redis.asyncio import Redis
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from gateway.health_monitor.local_records import LocalRecords
from gateway.health_monitor.monitor import Monitor, Row
from gateway.health_monitor.shared_records import SharedRecords
from gateway.health_monitor.table import as_json, table
from gateway.health_monitor.targets import targets
from gateway.routing_file import DEFAULT_PATH, RoutingFileRefused, load_routing
from gateway.whereabouts import whereabouts

EXIT_OK, EXIT_UNHEALTHY, EXIT_USAGE = 0, 1, 2
_REDIS_TIMEOUT_SECONDS = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all healthy (or the watch was ended), 1: something is not, 2: the routing file is refused."""
    options = _parser().parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            return asyncio.run(_run(options))
        except (RoutingFileRefused, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return EXIT_USAGE
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gateway_health_monitor.py",
        description=__doc__.splitlines()[0] if __doc__ else None,
        fromfile_prefix_chars="@",
        epilog="@FILE reads flags from a file, one a line: --interval=10",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--monitor", action="store_true", help="watch until Ctrl-C (the default)")
    mode.add_argument("--once", action="store_true", help="one round; exit 1 where something is not healthy")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table; a line for each change")
    _add_figures(parser.add_argument_group("figures", "instead of those in the routing file"))
    parser.add_argument("--routing", type=Path, default=DEFAULT_PATH, metavar="FILE")
    parser.add_argument("--redis-url", metavar="URL", help="share what is known with other monitors")
    return parser


def _add_figures(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--interval", type=_positive, metavar="SECONDS", help="between checks (30)")
    group.add_argument("--timeout", type=_positive, metavar="SECONDS", help="of one check (2)")
    group.add_argument(
        "--failure-threshold", type=_count, metavar="N", help="failures in a row that open a breaker (5)"
    )
    group.add_argument(
        "--reset-timeout", type=_positive, metavar="SECONDS", help="until an open one is probed (60)"
    )


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


async def _run(options: argparse.Namespace) -> int:
    async with _monitor(options) as monitor:
        if options.once:
            rows = await monitor.check_all()
            _print_once(rows, as_lines=options.json)
            return EXIT_OK if all(row.record.healthy for row in rows) else EXIT_UNHEALTHY
        await (_print_changes(monitor) if options.json else _draw(monitor))
    return EXIT_OK


@asynccontextmanager
async def _monitor(options: argparse.Namespace) -> AsyncIterator[Monitor]:
    routing, places = load_routing(options.routing), whereabouts()
    redis_url = options.redis_url if options.redis_url is not None else places.get("REDIS_URL")
    async with httpx.AsyncClient(trust_env=False) as client, contextlib.AsyncExitStack() as stack:
        shared = None
        if redis_url and not options.once:
            redis = Redis.from_url(
                redis_url,
                decode_responses=True,
                socket_timeout=_REDIS_TIMEOUT_SECONDS,
                socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
            )
            stack.push_async_callback(redis.aclose)
            shared = SharedRecords(redis)
        yield Monitor(
            targets(
                routing,
                places,
                failure_threshold=options.failure_threshold,
                reset_timeout_seconds=options.reset_timeout,
            ),
            client,
            local=LocalRecords(),
            shared=shared,
            interval_seconds=options.interval or routing.monitoring.interval_seconds,
            timeout_seconds=options.timeout or routing.monitoring.timeout_seconds,
        )


def _print_once(rows: Sequence[Row], *, as_lines: bool) -> None:
    now = time.time()
    if as_lines:
        sys.stdout.write(json.dumps(as_json(rows, now), indent=2) + "\n")
    else:
        Console().print(table(rows, now))


async def _print_changes(monitor: Monitor) -> None:
    async with monitor.running():
        async for rows in monitor.changes():
            sys.stdout.write(json.dumps(as_json(rows, time.time())) + "\n")
            sys.stdout.flush()


async def _draw(monitor: Monitor) -> None:
    """Redrawn every second, since the times in it pass even when nothing happens."""
    async with monitor.running():
        with Live(_picture(monitor), auto_refresh=False, screen=sys.stdout.isatty()) as live:
            while True:
                live.update(_picture(monitor), refresh=True)
                await asyncio.sleep(1)


def _picture(monitor: Monitor) -> Group:
    rows = monitor.rows()
    well = sum(row.record.healthy for row in rows)
    shared = ", shared with other monitors" if monitor.is_shared else ""
    summary = Text(f"{well} of {len(rows)} upstreams are healthy{shared}. Ctrl-C ends the watch.", "dim")
    return Group(table(rows, time.time()), Text(), summary)
