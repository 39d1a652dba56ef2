"""Measures what the chat service promises: `python -m bench.chat [--only NAME …] [--markdown]`.

Ratios and medians, each side alternating with the other, so that a busy machine is unfair to both. The first
token is measured in the local stack of this checkout, or in one that is started for it.
"""

from collections.abc import Callable, Sequence

from bench.command_line import parser, report
from bench.measures import appending, chat_sockets, first_token, frozen_redis
from bench.report import Row
from tests.support.local_stack import local_stack


def _first_token() -> Sequence[Row]:
    with local_stack() as stack:
        return first_token.overhead(stack)


MEASURES: dict[str, Callable[[], Sequence[Row]]] = {
    "first-token": _first_token,
    "append": appending.against_a_bare_script,
    "sockets": chat_sockets.cost,
    "frozen-redis": frozen_redis.answered,
}


def main() -> None:
    report("Chat service", parser("python -m bench.chat", __doc__, MEASURES).parse_args(), MEASURES)


if __name__ == "__main__":
    main()
