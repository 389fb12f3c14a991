"""What goes wrong with a batch, one fault each: nobody is lost, nobody is paid for twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from penstock.batches.pile import named_by
from penstock.batches.sealing import Candidate, begin, seal
from penstock.batches.work import Work
from penstock.errors import FailureClass, ProviderFailure
from penstock.paths import BATCHES as GROUP
from penstock.ports import Fields
from penstock.requests.record import Record
from penstock.targets.routes import Route, Routes
from tests.chaos.batch_stage import BATCHED, BATCHES, LAZY, PROMPT
from tests.chaos.loop import EPOCH
from tests.chaos.stage import Stage, play
from tests.chaos.workload import PATIENT
from tests.unit.batches.test_batched import ALONE, asked, state, until


async def batches(stage: Stage) -> list[Fields]:
    found = await stage.world.store.scan(f"tenants/default/{GROUP}", after="", limit=9, timeout_s=5)
    return [one.fields or {} for one in found]


def test_who_left_the_pile_and_came_back_is_not_stamped_by_who_stood_still() -> None:
    """Its list may be frozen without it: it would be out with a batch that does not have it."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await until(stage, "queued")
        record = Record.decode(await stage.document("r"))
        assert record.waits is not None
        s = stage.world.instances[0].services
        chosen = Candidate.of(record._replace(fence=record.fence - 1))
        holder = await begin(s, named_by(record.waits), LAZY, [chosen])
        assert holder is not None
        await seal(Work(s, holder, LAZY, s.runners["lazy"], s.clock.monotonic() + 60))
        assert (holder.record.members, await state(stage)) == (0, "queued")
        await stage.rest()
        assert asked(stage) == ["lazy"]

    play(scene, shape=BATCHES)


def test_a_line_that_brings_down_whoever_reads_it_is_given_up_alone() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.deadly = frozenset({"r"})
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.ask("s", "another", max_wait_s=PATIENT)
        await stage.rest()
        assert (await stage.reason("r"), await stage.reason("s")) == ("internal", None)
        assert stage.log("batch.line_poisoned")
        assert asked(stage) == ["lazy", "lazy"]

    play(scene, shape=BATCHES)


def test_lines_that_nobody_asked_for_and_lines_that_come_twice_change_nothing() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.strange = True
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.ask("s", "another", max_wait_s=PATIENT)
        await stage.rest()
        [batch] = await batches(stage)
        assert batch["fates"]["answered"] == 2
        assert len(stage.log("batch.line_unknown")) == 6

    play(scene, shape=ALONE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "action"),
    [
        (ProviderFailure(FailureClass.UNPAID, "the key is not let in", status=401), None),
        (ProviderFailure(FailureClass.FINAL, "the file is too large", status=413), "batch.refused"),
        (ProviderFailure(FailureClass.FINAL, "no such window", status=400), "batch.refused"),
        (ProviderFailure(FailureClass.AMBIGUOUS, "that is no file"), None),
    ],
)
def test_where_a_batch_cannot_begin_everybody_is_asked_at_once_in_time(
    failure: ProviderFailure, action: str | None
) -> None:
    """A refusal is told and asked at once; anything else is tried until its time is up."""

    async def scene(stage: Stage) -> None:
        stage.world.batches.refuses = failure
        await stage.ask("r", max_wait_s=8000)
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], result["lane"], result["plan"]["lane"]) == ("completed", "sync", "batch")
        assert datetime.fromisoformat(result["completed_at"]) < EPOCH + timedelta(seconds=8000)
        assert asked(stage) == ["prompt"]
        assert "unknown" not in result["cost"]["breakdown"]
        told = stage.log("batch.refused")
        assert [line["reason"] for line in told] == ([failure.message] if action else [])

    play(scene, shape=BATCHES)


@pytest.mark.slow
def test_a_job_that_another_projects_key_made_is_counted_and_asked_again_in_time() -> None:
    """The provider knows no such job: nobody can tell what was paid, and the result says so."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=8000)
        await until(stage, "sent")
        stage.world.batches.denies = ProviderFailure(FailureClass.FINAL, "no such batch", status=404)
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], result["lane"]) == ("completed", "sync")
        assert "1 more call may have been paid" in result["cost"]["breakdown"]["unknown"]
        assert stage.log("batch.unreachable")

    play(scene, shape=ALONE, checked=False)  # the simulated job is paid all the same: a call that is told


def test_a_file_of_answers_that_is_gone_is_counted_and_sent_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.deleted = {"job-0/answers"}
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert stage.log("batch.file_gone")
        document = await stage.document("r")
        assert (document["result"]["lane"], document["perhaps_paid"]) == ("batch", 1)

    play(scene, shape=ALONE, checked=False)  # the lost file was paid: a call that is told


def test_a_request_that_is_too_long_for_a_batch_is_asked_at_once() -> None:
    small = replace_target(max_bytes=1024)

    async def scene(stage: Stage) -> None:
        await stage.ask("r", "long " * 300, max_wait_s=PATIENT)
        await stage.ask("s", "short", max_wait_s=PATIENT)
        await stage.rest()
        assert [(await stage.result(name))["lane"] for name in ("r", "s")] == ["sync", "batch"]

    play(scene, shape=replace(BATCHES, routes=small))


def replace_target(**changes: object) -> Routes:
    lazy = LAZY.model_copy(update=changes)
    return replace(BATCHED, routes={"one": Route(targets=[lazy, PROMPT], choose="cheapest")})


def test_a_deadline_in_the_past_pays_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", deadline="2020-01-01T00:00:00Z")
        await stage.rest()
        assert (await stage.reason("r"), asked(stage)) == ("deadline_exceeded", [])

    play(scene, shape=BATCHES)


@pytest.mark.slow
def test_a_lane_that_is_switched_off_while_a_request_is_out_ends_it_at_its_deadline_with_a_word() -> None:
    """Nobody can collect until it is switched on again: then its answer is found before anything is paid."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=8000)
        await until(stage, "sent")
        route = BATCHED.routes["one"].model_copy(update={"targets": [PROMPT]})
        set_routes(stage, replace(BATCHED, routes={"one": route}))
        await asyncio.sleep(8400)
        assert await stage.reason("r") == "deadline_exceeded"
        assert await stage.letters() == ["deadline_exceeded"]
        assert stage.log("batch.stranded")
        set_routes(stage, BATCHED)
        await stage.rest()
        await stage.redrive("r", 1, max_wait_s=8000)
        await stage.rest()
        assert (await stage.reason("r"), asked(stage)) == (None, ["lazy"])

    play(scene, shape=ALONE)


def set_routes(stage: Stage, routes: Routes) -> None:
    for instance in [*stage.world.instances, stage.world.scheduled]:
        object.__setattr__(instance.services, "routes", routes)
