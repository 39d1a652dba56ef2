"""How long a start takes with everything in place."""

from bench.report import Row
from tests.support.local_stack import LocalStack

GOAL_SECONDS = 15.0


def second_start(stack: LocalStack) -> list[Row]:
    """Of the stack that is measured, by its own account: models in place, canary sung."""
    seconds = stack.state.start_seconds or 0.0
    return [
        Row(
            "`./scripts/up` with everything in place, until ready",
            f"{seconds:.1f} s",
            f"≤ {GOAL_SECONDS:g} s",
            seconds <= GOAL_SECONDS,
        )
    ]
