"""The running suite, for tests that see it as a stranger does: through the gateway. Whoever asks is slow."""

from collections.abc import Iterator

import pytest

from tests.support.local_stack import LocalStack, local_stack
from tests.support.voice_caller import VoiceCaller


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """One for all tests; not to be broken. See tests/support/local_stack.py."""
    with local_stack() as running:
        yield running


@pytest.fixture
def ann(stack: LocalStack) -> Iterator[VoiceCaller]:
    """A user with every scope."""
    with stack.client("ann") as client:
        yield VoiceCaller(client)
