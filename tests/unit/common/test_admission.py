"""So many run, so many wait in order, the rest are refused at once."""

import asyncio

import pytest

from services.common.admission import Admission, Deadline
from services.common.problems import DeadlineExceeded, InvalidRequest, Overloaded
from tests.support.clock import FakeClock


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_request_past_the_bound_is_refused_at_once_with_retry_after() -> None:
    admission = Admission("engine", running_max=1, waiting_max=1)
    deadline = Deadline.after(60)
    first = await admission.enter(deadline)
    second = asyncio.create_task(admission.enter(deadline))
    await _settle()
    with pytest.raises(Overloaded) as caught:
        await admission.enter(deadline)
    assert int(caught.value.headers["Retry-After"]) >= 1
    assert caught.value.members["retry_after_seconds"] == int(caught.value.headers["Retry-After"])
    first.leave()
    (await second).leave()
    assert (admission.running, admission.waiting) == (0, 0)


async def test_those_who_wait_are_served_in_their_order() -> None:
    admission = Admission("engine", running_max=1, waiting_max=3)
    served: list[int] = []

    async def request(number: int) -> None:
        async with admission.slot(Deadline.after(60)):
            served.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(request(number) for number in range(4)))
    assert served == [0, 1, 2, 3]


async def test_a_wait_that_outlives_its_deadline_ends_as_a_problem() -> None:
    admission = Admission("engine", running_max=1, waiting_max=1)
    place = await admission.enter(Deadline.after(60))
    with pytest.raises(DeadlineExceeded):
        await admission.enter(Deadline.after(0.01))
    assert admission.waiting == 0
    place.leave()
    assert admission.running == 0


async def test_a_waiter_that_is_cancelled_leaves_no_trace() -> None:
    admission = Admission("engine", running_max=1, waiting_max=1)
    place = await admission.enter(Deadline.after(60))
    waiter = asyncio.create_task(admission.enter(Deadline.after(60)))
    await _settle()
    waiter.cancel()
    await _settle()
    place.leave()
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_place_handed_over_while_its_waiter_is_cancelled_is_not_lost() -> None:
    admission = Admission("engine", running_max=1, waiting_max=2)
    place = await admission.enter(Deadline.after(60))
    waiter = asyncio.create_task(admission.enter(Deadline.after(60)))
    await _settle()
    place.leave()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert admission.running == 0


async def test_the_admitted_begin_at_once_where_they_come_one_by_one() -> None:
    clock = FakeClock()
    admission = Admission("engine", running_max=2, waiting_max=1, clock=clock)
    for _ in range(2):
        await admission.enter(Deadline.after(60))
        async with asyncio.timeout(0):
            await admission.rush_is_over()
        clock.advance(0.011)


async def test_of_those_who_come_together_the_first_begins_and_the_next_wait_a_moment() -> None:
    clock = FakeClock()
    admission = Admission("engine", running_max=2, waiting_max=1, clock=clock)
    await admission.enter(Deadline.after(60))
    clock.advance(0.009)
    await admission.enter(Deadline.after(60))
    begins = asyncio.create_task(admission.rush_is_over())
    await _settle()
    assert not begins.done()
    clock.advance(0.03)
    async with asyncio.timeout(5):
        await begins


async def test_the_admitted_begin_after_those_who_are_turned_away_have_their_answer() -> None:
    clock = FakeClock()
    admission = Admission("engine", running_max=1, waiting_max=0, clock=clock)
    await admission.enter(Deadline.after(60))
    for _ in range(3):
        clock.advance(0.02)
        with pytest.raises(Overloaded):
            await admission.enter(Deadline.after(60))
        begins = asyncio.create_task(admission.rush_is_over())
        await _settle()
        assert not begins.done()
        begins.cancel()
    clock.advance(0.03)
    async with asyncio.timeout(0):
        await admission.rush_is_over()


async def test_a_rush_without_end_holds_up_the_admitted_for_a_moment_only() -> None:
    clock = FakeClock()
    admission = Admission("engine", running_max=1, waiting_max=0, clock=clock)
    await admission.enter(Deadline.after(60))

    async def rush() -> None:
        while True:
            with pytest.raises(Overloaded):
                await admission.enter(Deadline.after(60))
            clock.advance(0.004)
            await asyncio.sleep(0)

    others = asyncio.create_task(rush())
    async with asyncio.timeout(5):
        await admission.rush_is_over()
    others.cancel()


async def test_leaving_twice_frees_one_place() -> None:
    admission = Admission("engine", running_max=2, waiting_max=0)
    first = await admission.enter(Deadline.after(60))
    await admission.enter(Deadline.after(60))
    first.leave()
    first.leave()
    assert admission.running == 1


def test_the_deadline_comes_from_the_header_within_the_servers_bound() -> None:
    clock = FakeClock()

    def remaining(value: str | None) -> float:
        deadline = Deadline.from_header(value, default_seconds=30, max_seconds=120, clock=clock)
        return deadline.remaining_seconds

    assert remaining(None) == 30
    assert remaining("2.5") == 2.5
    assert remaining("9999") == 120


@pytest.mark.parametrize("value", ["", "soon", "-1", "0", "nan", "inf"])
def test_a_timeout_header_that_is_no_positive_number_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest):
        Deadline.from_header(value, default_seconds=30, max_seconds=120)


def test_a_deadline_expires_by_its_clock() -> None:
    clock = FakeClock()
    deadline = Deadline.after(5, clock)
    clock.advance(5)
    assert deadline.expired
    assert deadline.remaining_seconds == 0
