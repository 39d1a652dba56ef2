"""The command line of a bench that has several measures: which of them, and as what."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.report import Row, markdown, print_table


def parser(prog: str, doc: str | None, measures: Iterable[str]) -> argparse.ArgumentParser:
    """`--only NAME …` and `--markdown`."""
    result = argparse.ArgumentParser(
        prog=prog, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--only", nargs="+", choices=list(measures), help="of these, in this order (all)")
    result.add_argument("--markdown", action="store_true", help="print the table for a document too")
    return result


def report(
    title: str, options: argparse.Namespace, measures: Mapping[str, Callable[[], Sequence[Row]]]
) -> Sequence[Row]:
    """Measures what was asked for, says each figure as it comes, and prints the table."""
    rows: list[Row] = []
    for name in options.only or measures:
        print(f"measuring: {name} …", flush=True)
        found = measures[name]()
        for row in found:
            print(f"  {row.what}: {row.measured}", flush=True)
        rows.extend(found)
    print_table(title, rows)
    if options.markdown:
        print(markdown(rows))
    return rows
