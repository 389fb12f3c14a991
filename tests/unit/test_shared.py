"""What many ask for at once is worked out once, after all of them have asked."""

from __future__ import annotations

import asyncio

import pytest

from penstock.errors import StoreUnavailable
from penstock.shared import Shared


class Counted:
    """Counts `there`, as it is when the count begins; `go` lets it end."""

    def __init__(self) -> None:
        self.there, self.counts, self.go = 0, 0, asyncio.Event()

    async def __call__(self) -> int:
        seen, self.counts = self.there, self.counts + 1
        await self.go.wait()
        return seen


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_comes_while_one_is_under_way_shares_the_next_and_never_that_one() -> None:
    # Given a count that has begun
    shared, count = Shared[int](at_once=2), Counted()
    first = asyncio.create_task(shared.ask("page", count))
    await _settled()

    # If a hundred come, each having added one
    others = []
    for _ in range(100):
        count.there += 1
        others.append(asyncio.create_task(shared.ask("page", count)))
        await _settled()
    count.go.set()

    # I expect one count more, which has seen them all
    assert await first == 0
    assert await asyncio.gather(*others) == [100] * 100
    assert count.counts == 2


async def test_two_questions_do_not_wait_for_each_other() -> None:
    shared, stuck, free = Shared[int](at_once=2), Counted(), Counted()
    free.go.set()
    waiting = asyncio.create_task(shared.ask("one", stuck))
    await _settled()
    assert await shared.ask("another", free) == 0
    stuck.go.set()
    await waiting


async def test_a_failure_is_told_to_each_and_the_next_is_asked_anew() -> None:
    shared = Shared[int](at_once=2)

    async def out() -> int:
        raise StoreUnavailable("Out.")

    outcomes = await asyncio.gather(*(shared.ask("page", out) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3
    count = Counted()
    count.go.set()
    assert await shared.ask("page", count) == 0


async def test_one_that_is_cancelled_does_not_take_the_others_along() -> None:
    shared, count = Shared[int](at_once=2), Counted()
    gone, stays = (asyncio.create_task(shared.ask("page", count)) for _ in range(2))
    await _settled()
    gone.cancel()
    count.go.set()
    assert await stays == 0
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_no_more_are_worked_out_at_once_than_were_allowed_and_who_waits_is_joined() -> None:
    # Given two that are under way, of two that may be
    shared, stuck, third = Shared[int](at_once=2), Counted(), Counted()
    under_way = [asyncio.create_task(shared.ask(key, stuck)) for key in ("one", "another")]
    await _settled()

    # If more ask for a third thing, one after the other
    asked = []
    for _ in range(10):
        third.there += 1
        asked.append(asyncio.create_task(shared.ask("third", third)))
        await _settled()

    # I expect nothing to begin before one of the two has ended, and then one that saw them all
    assert third.counts == 0
    stuck.go.set()
    third.go.set()
    assert await asyncio.gather(*asked) == [10] * 10
    assert third.counts == 1
    await asyncio.gather(*under_way)
