"""What a dead, frozen or overloaded service costs behind the gateway, in figures:

    python -m bench.gateway [--only killed frozen …] [--markdown]

The figures are of this machine at this moment, the goals those of the design. Exit 1 where one is missed.
"""

import argparse
import asyncio
import sys

from bench.gateway_scenes import SCENES
from bench.report import Row, markdown, print_table


def main() -> int:
    options = _parser().parse_args()
    rows: list[Row] = []
    for name in options.only or SCENES:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += asyncio.run(_measured(name))
    print_table("The gateway", rows)
    if options.markdown:
        print(markdown(rows))
    return 1 if any(row.met is False for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", nargs="+", choices=SCENES, metavar="SCENE", help=f"of {', '.join(SCENES)} (all)"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table for a document too")
    return parser


async def _measured(name: str) -> list[Row]:
    return await SCENES[name]()


if __name__ == "__main__":
    sys.exit(main())
