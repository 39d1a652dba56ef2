"""Measures what the voice service promises: `python -m bench.voice [--only NAME …] [--markdown]`.

Ratios and medians, each side alternating with the other, so that a busy machine is unfair to both. Uses the
local stack of this checkout, or starts one.
"""

import argparse
from collections.abc import Callable, Sequence

from bench.measures import crowd, leaving, speaking, starting, windows
from bench.report import Row, markdown, print_table
from tests.support.local_stack import LocalStack, local_stack

Measure = Callable[[LocalStack], Sequence[Row]]
MEASURES: dict[str, Measure] = {
    "start": starting.second_start,
    "short": windows.short_clip,
    "long": windows.long_audio,
    "words": windows.word_errors,
    "crowd": crowd.overload,
    "leaving": leaving.client_gone,
    "speaking": speaking.first_audio,
}


def main() -> None:
    options = _parser().parse_args()
    rows: list[Row] = []
    with local_stack() as stack:
        for name in options.only or MEASURES:
            print(f"measuring: {name} …", flush=True)
            rows.extend(MEASURES[name](stack))
            print(f"  {rows[-1].measured}", flush=True)
    print_table("Voice service", rows)
    if options.markdown:
        print(markdown(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.voice", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=MEASURES, help="of these, in this order (all)")
    parser.add_argument("--markdown", action="store_true", help="print the table for a document too")
    return parser


if __name__ == "__main__":
    main()
