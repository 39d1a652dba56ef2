"""What a command that makes a token asks for: for whom, for what, for how long. Shared by such commands."""

import argparse
import re

from services.common.auth.principal import ALL_SCOPES

DEFAULT_LIFETIME = "8h"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MAX_LIFETIME_SECONDS = 30 * 86_400


def add_token_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", type=user, required=True, metavar="NAME", help="whom it speaks for")
    parser.add_argument(
        "--scope", type=scope, action="append", metavar="SCOPE", help="may be repeated (all of them)"
    )
    parser.add_argument(
        "--ttl",
        type=lifetime,
        default=lifetime(DEFAULT_LIFETIME),
        metavar="TIME",
        help=f"how long it is good: 90s, 30m, 8h, 7d ({DEFAULT_LIFETIME})",
    )


def lifetime(text: str) -> int:
    """Seconds from `90s`, `30m`, `8h` or `7d`; at most the 30 days that services accept."""
    match = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90s, 30m, 8h or 7d")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _MAX_LIFETIME_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is longer than the 30d that services accept")
    return seconds


def scope(text: str) -> str:
    if text not in ALL_SCOPES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(ALL_SCOPES)}")
    return text


def user(text: str) -> str:
    if not text.isprintable() or not 0 < len(text) <= 255:
        raise argparse.ArgumentTypeError("a name has 1 to 255 printable characters")
    return text
