"""Runs under single faults that each rule of the fan-in is for; the matrix strikes every other step."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from penstock.messages.parent import Parent
from penstock.runs.message import Verb
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.provider import Reply
from tests.chaos.run_stage import RUNS, ask, document, mapped, outcome, rows, start, tell
from tests.chaos.stage import Stage, play
from tests.chaos.world import RESULTS

ITEMS = ["a", "b", "c"]


async def _took_s(stage: Stage, run_id: str) -> float:
    run = await document(stage, run_id)
    return float((run["finished_at"] - run["created_at"]).total_seconds())


def test_who_dies_while_publishing_members_is_replaced_and_nobody_is_left_out() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert len(await rows(stage, "r")) == 3
        assert stage.calls() == 3

    play(scene, shape=RUNS, plan=AtNamed({("publish llm-requests", 2): Fault.KILL_BEFORE}))


def test_a_page_is_told_of_a_member_that_was_confirmed_before() -> None:
    """Whoever confirms the last member dies before it can tell: the redelivery tells, though confirmed."""

    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a"])
        await stage.rest()
        assert await _took_s(stage, "r") < 45, "only the sweeper has found it"

    plan = AtNamed({("publish llm-runs", 2): Fault.KILL_BEFORE})  # the first opens the page
    play(scene, shape=RUNS, plan=plan)


def test_a_page_is_closed_once_whoever_looks() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")

    play(scene, shape=replace(RUNS, duplicates=1.0, later_s=(0.0,)))


def test_a_link_that_fails_ends_its_chain_at_once() -> None:
    chain = {"id": "c", "map": {"request": ask(), "then": [{"request": ask()}]}, "tolerated_failure_count": 1}

    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a"], chain)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert stage.calls() == 1
        assert await _took_s(stage, "r") < 45, "only the sweeper has found it"

    play(scene, shape=RUNS, replies=[Reply("rejected", 0.1)])


def test_a_link_that_cannot_be_rendered_ends_its_chain() -> None:
    then = [{"request": ask("{{item.text.total}}")}]
    chain = {"id": "c", "map": {"request": ask(), "then": then}, "tolerated_failure_count": 3}

    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS, chain)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert [row["error"]["reason"] for row in await rows(stage, "r")] == ["template_error"] * 3
        assert stage.calls() == 3

    play(scene, shape=RUNS)


def test_two_tenants_runs_of_one_name_are_two() -> None:
    mine, theirs = (Parent("r", 0, "0", 0, 0).done_in(tenant) for tenant in ("default", "acme"))
    assert mine != theirs

    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS)
        await start(stage.world, "r", ["a", "d"], tenant="acme")
        await stage.rest()
        assert len(await rows(stage, "r")) == 3

    play(scene, shape=RUNS)


def test_results_of_members_do_not_reach_those_who_wait_for_results_of_their_own() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("mine")
        await start(stage.world, "r", ITEMS)
        await stage.rest()
        carried = await stage.world.bus.pull(RESULTS, 100)
        assert {json.loads(one.envelope.data)["request_id"] for one in carried} == {"mine"}

    play(scene, shape=RUNS, checked=False)


def test_a_run_that_waits_in_its_queue_costs_no_look_of_its_members() -> None:
    """While a page waits, nothing is read but what the sweeper's wakes ask for, later and later."""

    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a"])
        await asyncio.sleep(1800)
        run = await document(stage, "r")
        assert run["sweeps"] <= 6
        await tell(stage.world, Verb.CANCEL, "r")

    play(scene, shape=RUNS, always=Reply("throttled", 0.1, 600.0))


def test_a_step_that_leaves_nothing_ends_the_next_one_at_once() -> None:
    async def scene(stage: Stage) -> None:
        steps = [mapped("one", tolerated_failure_count=5), mapped("two")]
        await start(stage.world, "r", [{"no": "text"}], *steps)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert await rows(stage, "r") == []
        assert stage.calls() == 0

    play(scene, shape=RUNS)


def test_a_tree_whose_answers_never_go_together_ends_and_says_what_to_raise() -> None:
    step = {"id": "sum", "reduce": {"request": ask("{{inputs}}"), "max_input_tokens": 1}}

    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["aa", "bb", "cc"], step)
        await stage.rest()
        assert await outcome(stage, "r") == ("failed", "reduce_stuck")
        assert "raise its max_input_tokens" in (await document(stage, "r"))["outcome"]["message"]

    play(scene, shape=RUNS)
