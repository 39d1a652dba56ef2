"""Measures what the voice service promises: `python -m bench.voice [--only NAME …] [--markdown]`.

Ratios and medians, each side alternating with the other, so that a busy machine is unfair to both. Uses the
local stack of this checkout, or starts one.
"""

from collections.abc import Callable, Sequence
from functools import partial

from bench.command_line import parser, report
from bench.measures import crowd, leaving, speaking, starting, windows
from bench.report import Row
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
    options = parser("python -m bench.voice", __doc__, MEASURES).parse_args()
    with local_stack() as stack:
        report("Voice service", options, {name: partial(one, stack) for name, one in MEASURES.items()})


if __name__ == "__main__":
    main()
