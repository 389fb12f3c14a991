"""Renewal, take-over and fences on a document that is no request, with every fault at every step."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json

import pytest

from penstock.messages.wake import Wake
from penstock.paths import sharded
from penstock.ports import Create, Fields
from penstock.sweep import ROOMS
from tests.chaos.faults import AtSteps, Fault
from tests.chaos.loop import run_virtual
from tests.chaos.matrix import COMPANY
from tests.chaos.provider import Reply
from tests.chaos.workload import ROUTES
from tests.chaos.works import NAMED, WORKS, Work, Works, done_path, work, work_path
from tests.chaos.world import Shape, world


def _steps(company: str) -> list[str]:
    plan = AtSteps({})
    run_virtual(_life(company, plan))
    return plan.steps


async def _life(company: str, plan: AtSteps) -> tuple[Work, Fields, list[str]]:
    """One work from its first wake to rest: its document, how often it was begun and done, the log."""
    likely, later_s = COMPANY[company]
    shape = Shape(
        ROUTES, seed=7, duplicates=likely, later_s=later_s, rooms=(*ROOMS, Works()), stories={WORKS: work}
    )
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        async with world(shape, None, plan) as made:
            await asyncio.sleep(30)  # so that a sweep falls between a lease's end and the end of a pause
            await made.bus.publish(WORKS, b"", Wake("t", "w", 0).encode(NAMED), timeout_s=15)
            assert await made.rest(2 * 3600.0), "it does not come to rest"
            await asyncio.sleep(100)  # late copies
            assert await made.rest(2 * 3600.0), "it does not stay at rest"
            found, done = await made.store.read([work_path("w"), done_path("w")], timeout_s=5)
            assert made.crashes == []
    actions = [json.loads(line)["action"] for line in log.getvalue().splitlines()]
    return Work.decode(found.fields or {}), done.fields or {}, actions


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("company", COMPANY)
def test_every_fault_at_every_step_of_a_work(company: str) -> None:
    names = _steps(company)
    assert names.count("store.commit") >= 5  # taken, renewed, done
    for number, fault in itertools.product(range(len(names)), Fault):
        left, counted, _ = run_virtual(_life(company, AtSteps({number: fault})))
        where = f"{fault} at step {number}, {names[number]}"
        assert left.state == "done", where
        assert counted == {"begun": left.fence, "times": 1}, where
        if company == "alone" and fault in (Fault.ERROR_BEFORE, Fault.LOST_RESPONSE):
            assert left.fence == 1, f"{where}: its holder could have gone on"


def test_a_holder_that_died_is_replaced() -> None:
    left, counted, _ = run_virtual(_life("alone", _at_first_commit(Fault.KILL_AFTER)))
    assert (left.fence, counted["times"]) == (2, 1)


def test_a_holder_that_slept_through_its_lease_writes_nothing_more() -> None:
    """It wakes after somebody else has taken over, and learns of it by its renewal."""
    left, counted, actions = run_virtual(_life("alone", _at_first_commit(Fault.PAUSE_AFTER)))
    assert (left.fence, counted["times"]) == (2, 1)
    assert "lease.lost" in actions


def _at_first_commit(fault: Fault) -> AtSteps:
    return AtSteps({_steps("alone").index("store.commit"): fault})


def test_each_further_room_costs_the_sweeper_one_read_in_an_idle_minute() -> None:
    async def reads(rooms: int) -> int:
        plan = AtSteps({})
        shape = Shape(ROUTES, seed=7, rooms=(*ROOMS, *[Works()] * rooms), stories={WORKS: work})
        with contextlib.redirect_stdout(io.StringIO()):
            async with world(shape, None, plan) as made:
                await made._sweep(made.scheduled)
        return sum(name.startswith("store.") for name in plan.steps)

    assert [run_virtual(reads(rooms)) for rooms in (0, 1)] == [1, 2]


def test_what_cannot_be_read_in_one_room_keeps_the_other_from_nothing() -> None:
    """A damaged work is due for ever; the request beside it is put aside, woken and answered all the same."""

    async def scene() -> tuple[str, int]:
        replies = iter([Reply("throttled", 0.1, 60.0)])
        shape = Shape(ROUTES, seed=7, rooms=(*ROOMS, Works()), stories={WORKS: work})
        log = io.StringIO()
        with contextlib.redirect_stdout(log):
            async with world(shape, lambda *_: next(replies, Reply()), AtSteps({})) as made:
                due = sharded("t", "w", made.clock.now())
                damaged = Create(work_path("w"), {"of": "tomorrow", "due_at": due, "open_since": due})
                await made.store.commit([damaged], timeout_s=5)
                await made.publish(b'{"prompt": "hello", "request_id": "r"}', {})
                await asyncio.sleep(600)
                [found] = await made.store.read(["tenants/default/requests/r"], timeout_s=5)
        return (found.fields or {})["state"], log.getvalue().count("sweep.unreadable")

    state, told = run_virtual(scene())
    assert state == "terminal"
    assert told > 0
