"""The commands of the local stack: ./scripts/up runs `python -m scripts.local_stack up`, and so on."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console

from scripts.local_stack import demo, down, status, tokens, up
from scripts.local_stack.drill import command as drill
from scripts.local_stack.plan import PROFILES
from scripts.terminal_chat import talk
from services.common.auth.token_arguments import add_token_arguments

Command = Callable[[argparse.Namespace, Console], int]
_STDERR_COMMANDS = {"token"}


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    command: Command = options.run
    try:
        return command(options, Console(stderr=options.command in _STDERR_COMMANDS))
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./scripts")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, **described: Any) -> argparse.ArgumentParser:
        return commands.add_parser(name, prog=f"./scripts/{name}", **described)

    _add_start(command("up", help="start everything"), up.up)
    _add_start(command("supervise"), up.supervise)
    command("down", help="stop everything").set_defaults(run=down.down)
    _add_status(command("status", help="what runs, and how it is"))
    _add_token(command("token", help="a token for one's own programs"))
    _add_demo(command("demo", help="say a sentence and hear it back"))
    _add_drill(command("drill", help="break each part in turn and keep the score"))
    _add_chat(command("chat", help="talk in this terminal"))
    return parser


def _add_start(parser: argparse.ArgumentParser, run: Command) -> None:
    parser.add_argument("--detach", action="store_true", help="return when it is ready; it runs on")
    parser.add_argument("--port", type=_port, default=8080, help="of the gateway (8080)")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="small",
        help="tiny: quick to fetch; small: hears better (small)",
    )
    parser.set_defaults(run=run)


def _add_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=status.status)


def _add_token(parser: argparse.ArgumentParser) -> None:
    add_token_arguments(parser)
    parser.set_defaults(run=tokens.token)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text", default=demo.SENTENCE, help="what to say")
    parser.add_argument("--base-url", help="another gateway than the one that runs here")
    parser.add_argument("--token", help="another token than one of this installation")
    parser.set_defaults(run=demo.demo)


def _add_drill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", metavar="WORDS", help="scenes whose name has this in it: valkey, killed, …")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--start", action="store_true", help="start the stack for it, and stop it afterwards")
    parser.set_defaults(run=drill.drill)


def _add_chat(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--session", metavar="NAME", help="go on with this session (a new one)")
    parser.add_argument("--model", metavar="NAME", help="who answers (the first of the chain)")
    parser.add_argument("--user", default="terminal", metavar="NAME", help="who you are (terminal)")
    parser.add_argument("--base-url", help="another gateway than the one that runs here")
    parser.add_argument("--token", help="another token than one of this installation")
    parser.set_defaults(run=talk.chat)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
