"""The switch, step by step: what it asks first, when it goes back, and what it says."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from gateway.__main__ import main
from gateway.routing_file import load_routing
from gateway.switching.colours import Condition
from gateway.switching.switch import Outcome, Patience, Switch
from services.common.blue_green import AGENT, UNTIL_TOLD, Colour, Roles, RolesUnavailable
from tests.support.clock import FakeClock

BLUE, GREEN = Colour.BLUE, Colour.GREEN
PATIENCE = Patience(takeover_seconds=3, watch_seconds=5, drain_seconds=4, look_every_seconds=0.5)


@dataclass
class Stage:
    """Two colours, their roles and the time. `script` is called before each look at a colour."""

    active: Colour = GREEN
    faults: dict[Colour, str] = field(default_factory=dict)
    never_takes_over: bool = False
    redis_away: bool = False
    under_way: int = 0
    told: list[str] = field(default_factory=list)
    script: Callable[["Stage"], None] = lambda _: None
    clock: FakeClock = field(default_factory=lambda: FakeClock(0.0))

    async def read(self) -> Roles:
        if self.redis_away:
            raise RolesUnavailable
        return Roles(self.active)

    async def activate(self, colour: Colour) -> None:
        if self.redis_away:
            raise RolesUnavailable
        self.active = colour

    async def condition(self, colour: Colour) -> Condition:
        self.script(self)
        serving = self.active is colour and not (self.never_takes_over and colour is BLUE)
        return Condition(self.faults.get(colour), serving)

    async def requests_under_way(self, _: Colour) -> int:
        return self.under_way

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def switch(self, target: Colour = BLUE) -> Outcome:
        one = Switch(AGENT, self, self, self.told.append, PATIENCE, clock=self.clock, sleep=self.sleep)
        return await one.to(target)


async def test_a_target_that_is_well_takes_over_and_the_old_one_is_drained() -> None:
    stage = Stage()
    assert await stage.switch() is Outcome.MOVED
    assert stage.active is BLUE
    assert stage.told == [
        "blue is well; green hands over to it.",
        "blue took over after 0.0 s.",
        "Watching blue for 5 s.",
        "green is drained.",
        "langgraph-enhanced is blue.",
    ]


async def test_a_target_that_would_not_serve_is_refused_with_its_own_reason() -> None:
    stage = Stage(faults={BLUE: "store: Redis does not answer"})
    assert await stage.switch() is Outcome.REFUSED
    assert stage.active is GREEN
    assert stage.told == [
        "blue would not serve: store: Redis does not answer. Nothing was switched; green serves on."
    ]


async def test_a_switch_to_what_serves_already_changes_nothing() -> None:
    stage = Stage(faults={GREEN: "whatever"})
    assert await stage.switch(GREEN) is Outcome.ALREADY
    assert stage.told == ["langgraph-enhanced is green already."]


async def test_a_target_that_fails_in_the_watch_window_is_rolled_back() -> None:
    def breaks(stage: Stage) -> None:
        if stage.clock.now >= 3:
            stage.faults = {BLUE: "nothing listens there"}

    stage = Stage(script=breaks)
    assert await stage.switch() is Outcome.ROLLED_BACK
    assert stage.active is GREEN
    assert "blue failed: nothing listens there. Rolled back: green is active again." in stage.told


async def test_one_late_answer_is_no_failure() -> None:
    def late_once(stage: Stage) -> None:
        stage.faults = {BLUE: "no answer within 2 s"} if stage.clock.now == 3 else {}

    assert await Stage(script=late_once).switch() is Outcome.MOVED


async def test_a_failure_after_the_window_is_not_for_the_switch_to_judge() -> None:
    def breaks_late(stage: Stage) -> None:
        stage.faults = {BLUE: "gone"} if stage.clock.now > 6 else {}

    assert await Stage(script=breaks_late).switch() is Outcome.MOVED


async def test_a_target_that_does_not_see_its_turn_is_rolled_back() -> None:
    stage = Stage(never_takes_over=True)
    assert await stage.switch() is Outcome.ROLLED_BACK
    assert stage.active is GREEN
    assert any("it did not take over within 3 s" in sentence for sentence in stage.told)


async def test_without_redis_nothing_is_switched() -> None:
    stage = Stage(redis_away=True)
    assert await stage.switch() is Outcome.REFUSED
    assert stage.told == ["Redis, which keeps the active colour, does not answer: nothing was switched."]


async def test_a_target_that_cannot_be_taken_back_is_said_to_be_active_still() -> None:
    def all_break(stage: Stage) -> None:
        if stage.clock.now >= 2:
            stage.faults, stage.redis_away = {BLUE: "gone"}, True

    stage = Stage(script=all_break)
    assert await stage.switch() is Outcome.STUCK
    assert "blue is still active" in stage.told[-1]


async def test_somebody_elses_switch_meanwhile_stands() -> None:
    def other(stage: Stage) -> None:
        if stage.clock.now >= 2:
            stage.active = GREEN

    stage = Stage(script=other)
    assert await stage.switch() is Outcome.OVERTAKEN
    assert stage.active is GREEN
    assert stage.told[-1] == "Somebody else has switched back to green meanwhile; that stands."


async def test_open_requests_of_the_old_colour_are_waited_for_and_then_left_alone() -> None:
    stage = Stage(under_way=2)
    assert await stage.switch() is Outcome.MOVED
    assert stage.clock.now >= 9
    assert stage.told[-2].startswith("2 requests still under way at green")


def test_the_first_colour_in_the_routing_file_is_the_one_that_serves_until_told() -> None:
    assert load_routing().services[AGENT].colours[0] == UNTIL_TOLD


@pytest.mark.parametrize("service", ["voice-interaction-service", "nobody"])
def test_a_service_without_colours_cannot_be_switched(
    service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["switch", "--service", service, "--to", "blue"]) == 2
    assert "has no colours in the routing file (services that have: langgraph-enhanced)" in (
        capsys.readouterr().err
    )
