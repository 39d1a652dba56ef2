"""Measures what the chat service promises: `python -m bench.chat [--only NAME …] [--markdown]`.

Ratios and medians, each side alternating with the other, so that a busy machine is unfair to both. The first
token is measured in the local stack of this checkout, or in one that is started for it.
"""

import argparse
from collections.abc import Callable, Sequence

from bench.measures import appending, chat_sockets, first_token, frozen_redis
from bench.report import Row, markdown, print_table
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
    options = _parser().parse_args()
    rows: list[Row] = []
    for name in options.only or MEASURES:
        print(f"measuring: {name} …", flush=True)
        found = MEASURES[name]()
        for row in found:
            print(f"  {row.what}: {row.measured}", flush=True)
        rows.extend(found)
    print_table("Chat service", rows)
    if options.markdown:
        print(markdown(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.chat", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=MEASURES, help="of these, in this order (all)")
    parser.add_argument("--markdown", action="store_true", help="print the table for a document too")
    return parser


if __name__ == "__main__":
    main()
