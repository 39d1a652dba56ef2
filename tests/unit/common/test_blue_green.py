"""Which colour serves, as a rule and as a watcher that remembers."""

from typing import cast

import pytest

from services.common.blue_green import Colour, Roles, RolesUnavailable, RoleWatch, SharedRoles, serves

BLUE, GREEN = Colour.BLUE, Colour.GREEN
BOTH = frozenset(Colour)


class ToldRoles:
    """Says what it is told to; away when that is None."""

    def __init__(self, told: Roles | None) -> None:
        self.told = told
        self.left: list[Colour] = []

    async def beat(self, _: Colour) -> Roles:
        if self.told is None:
            raise RolesUnavailable
        return self.told

    async def leave(self, colour: Colour) -> None:
        if self.told is None:
            raise RolesUnavailable
        self.left.append(colour)


def watch(told: ToldRoles, colour: Colour) -> RoleWatch:
    return RoleWatch(cast("SharedRoles", told), colour)


@pytest.mark.parametrize(
    ("active", "alive", "serving"),
    [
        (GREEN, BOTH, {GREEN}),
        (BLUE, BOTH, {BLUE}),
        (GREEN, {GREEN}, {GREEN}),
        (GREEN, {BLUE}, {GREEN, BLUE}),
        (BLUE, {GREEN}, {GREEN, BLUE}),
        (BLUE, set(), {GREEN, BLUE}),
    ],
)
def test_the_active_colour_serves_and_the_other_one_while_it_is_gone(
    active: Colour, alive: set[Colour], serving: set[Colour]
) -> None:
    roles = Roles(active, frozenset(alive))
    assert {colour for colour in Colour if serves(colour, roles)} == serving


def test_each_colour_has_the_other_one() -> None:
    assert BLUE.other is GREEN
    assert GREEN.other is BLUE


def test_before_redis_was_heard_green_serves_and_blue_waits() -> None:
    told = ToldRoles(None)
    assert watch(told, GREEN).serving
    assert watch(told, GREEN).word == "ok"
    assert not watch(told, BLUE).serving
    assert watch(told, BLUE).word == "waits while green serves"


async def test_a_colour_keeps_its_last_role_while_redis_is_away() -> None:
    told = ToldRoles(Roles(BLUE, BOTH))
    blue, green = watch(told, BLUE), watch(told, GREEN)
    for one in (blue, green):
        await one.look()
    told.told = None
    for one in (blue, green):
        await one.look()
    assert (blue.serving, green.serving) == (True, False)


async def test_leaving_is_told_and_never_fails() -> None:
    told = ToldRoles(Roles())
    leaving = watch(told, BLUE)
    await leaving.leave()
    assert told.left == [BLUE]
    told.told = None
    await leaving.leave()
