"""The validator in a terminal. Called by scripts/gateway_integration_validator.py."""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import httpx
from rich.console import Console

from gateway.integration_validator import agent, chat, deployment, identity, routes, voice
from gateway.integration_validator.checks import Subject, run_all
from gateway.integration_validator.evidence import Report
from gateway.integration_validator.report import Narrator, as_html, as_json
from gateway.integration_validator.visitor import Visitor
from gateway.routing_file import DEFAULT_PATH, RoutingFileRefused, load_routing
from gateway.whereabouts import BASE_URL, whereabouts

ROOT = Path(__file__).resolve().parent.parent.parent
CHECKS = (*deployment.CHECKS, *routes.CHECKS, *voice.CHECKS, *chat.CHECKS, *agent.CHECKS)
EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
_REQUEST_SECONDS = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """0: everything is as promised, 1: something is not, 2: it could not be asked."""
    options = _parser().parse_args(arguments)
    try:
        report = asyncio.run(_validate(options))
    except (RoutingFileRefused, OSError, NoToken) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    if options.json:
        options.json.write_text(json.dumps(as_json(report), indent=2) + "\n", encoding="utf-8")
    if options.html:
        options.html.write_text(as_html(report), encoding="utf-8")
    return EXIT_FAILED if report.failed else EXIT_OK


class NoToken(Exception):
    """Neither a token nor the secret that one is made with is at hand."""

    def __init__(self) -> None:
        super().__init__("no token: give --token, or JWT_SECRET in the environment or in .env")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway_integration_validator.py", description=__doc__)
    parser.add_argument(
        "--base-url",
        default=whereabouts().get(BASE_URL, "http://localhost:8080"),
        metavar="URL",
        help="of the gateway (of the stack that runs here, else http://localhost:8080)",
    )
    parser.add_argument(
        "--token", default=os.environ.get("PARLEY_TOKEN"), help="else one is made with JWT_SECRET"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report there, as one page")
    parser.add_argument("--routing", type=Path, default=DEFAULT_PATH, metavar="FILE")
    return parser


async def _validate(options: argparse.Namespace) -> Report:
    base_url = options.base_url.rstrip("/")
    subject = Subject(
        base_url, load_routing(options.routing), ROOT / "caddy" / "Caddyfile", ROOT / "docker-compose.yml"
    )
    secret = identity.secret_of(os.environ, ROOT / ".env")
    token = options.token or (identity.fresh(secret) if secret else None)
    if token is None:
        raise NoToken
    subject.left["secret"] = None if options.token else secret
    narrator = Narrator(Console())
    started_at, started = datetime.now(UTC), time.perf_counter()
    async with httpx.AsyncClient(base_url=base_url, timeout=_REQUEST_SECONDS, trust_env=False) as client:
        findings = await run_all(CHECKS, Visitor(client, token), subject, narrator.tell)
    seconds = time.perf_counter() - started
    report = Report(base_url, started_at.isoformat(timespec="seconds"), seconds, _version(), findings)
    narrator.sum_up(report)
    return report


def _version() -> str:
    try:
        return metadata.version("parley")
    except metadata.PackageNotFoundError:
        return "from source"
