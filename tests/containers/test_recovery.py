"""A container that dies comes back by itself, with everything that it had promised to keep."""

import os
import signal
import time

import pytest

from tests.containers.test_hardening import SERVICES
from tests.containers.test_suite import validate
from tests.support.compose import CommandFailed, ComposeProject
from tests.support.container_chat import Talker, send

_PATIENCE_SECONDS = 180


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_container_comes_back_and_no_message_is_lost(
    suite: ComposeProject, service: str, figures: list[str]
) -> None:
    with suite.client("talker") as client:
        talker = Talker(client, send(client, "Good morning.")["session_id"])
        talker.start()
        try:
            seconds = _killed_and_well_again(suite, service)
        finally:
            talker.stop()
        figures.append(
            f"{service} killed: the validator passes again after {seconds:.0f} s; meanwhile "
            f"{len(talker.acknowledged)} messages were acknowledged, {len(talker.refusals)} refused"
        )
        assert talker.lost() == set()


def _killed_and_well_again(suite: ComposeProject, service: str) -> float:
    """Seconds until the validator passes."""
    before = suite.inspect(service)
    os.kill(before["State"]["Pid"], signal.SIGKILL)
    started = time.monotonic()
    while time.monotonic() < started + _PATIENCE_SECONDS:
        now = suite.inspect(service)
        state = now["State"]
        again = now["RestartCount"] > before["RestartCount"]
        if again and state["Running"] and state["Health"]["Status"] == "healthy":
            break
        time.sleep(1)
    return _validated(suite, started)


def _validated(suite: ComposeProject, started: float) -> float:
    while True:
        try:
            validate(suite)
        except CommandFailed:
            if time.monotonic() > started + _PATIENCE_SECONDS:
                raise
            time.sleep(1)
        else:
            return time.monotonic() - started
