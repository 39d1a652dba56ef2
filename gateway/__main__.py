"""The gateway's commands.

`python -m gateway render [--check]` writes the Caddyfile out of service_routing.yml; `switch` moves a service
from one colour to the other.
"""

import argparse
import difflib
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.caddyfile import render
from gateway.routing_file import DEFAULT_PATH, RoutingFileRefused, load_routing
from gateway.switching import command as switch

CADDYFILE = Path(__file__).resolve().parent.parent / "caddy" / "Caddyfile"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _render(options: argparse.Namespace) -> int:
    try:
        text = render(load_routing(options.routing))
    except (RoutingFileRefused, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.check:
        return _check(text, options.output)
    options.output.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {options.output}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    about = "The gateway: its configuration, and which colour serves."
    parser = argparse.ArgumentParser(prog="python -m gateway", description=about)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("render", help="write the Caddyfile out of the routing file")
    command.add_argument("--routing", type=Path, default=DEFAULT_PATH, metavar="FILE")
    command.add_argument("--output", type=Path, default=CADDYFILE, metavar="FILE")
    command.add_argument("--check", action="store_true", help="write nothing; exit 1 where it would change")
    command.set_defaults(run=_render)
    switch.add_parser(commands)
    return parser


def _check(text: str, output: Path) -> int:
    present = output.read_text(encoding="utf-8") if output.exists() else ""
    if present == text:
        sys.stdout.write(f"{output} is up to date\n")
        return 0
    lines = difflib.unified_diff(present.splitlines(True), text.splitlines(True), str(output), "rendered")
    sys.stdout.writelines(lines)
    sys.stderr.write("run: python -m gateway render\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
