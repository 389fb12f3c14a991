"""Requests that wait for a batch, through the whole story. The checker looks on at every end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from penstock.batches import sealing
from penstock.errors import FailureClass, ProviderFailure
from penstock.paths import BATCHES as GROUP
from penstock.pause import PAUSE_PATH, Pause
from penstock.ports import Delete, Put
from penstock.requests.lines import Fate, Member, take_line
from penstock.runner import Problem
from tests.chaos.batch_stage import BATCHED, BATCHES, LAZY, PROMPT
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.loop import EPOCH
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import PATIENT

ALONE = replace(BATCHES, instances=1)


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


async def state(stage: Stage, request_id: str = "r") -> str:
    return str((await stage.document(request_id))["state"])


async def until(stage: Stage, wanted: str, request_id: str = "r") -> None:
    await asyncio.sleep(5)
    while await state(stage, request_id) != wanted:
        await asyncio.sleep(5)


def test_who_can_wait_is_answered_by_a_batch_at_half_the_price() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.ask("s", "another", max_wait_s=PATIENT)
        await asyncio.sleep(60)
        assert await state(stage) == "queued"
        await stage.rest()
        assert asked(stage) == ["lazy", "lazy"]
        assert len(stage.world.batches.jobs) == 1
        result = await stage.result("r")
        assert (result["lane"], result["plan"]["lane"]) == ("batch", "batch")
        assert result["cost"]["saved_by_lane_usd"] == result["cost"]["usd"] > 0
        assert result["attempts"] == 1
        finished = stage.log("request.finished")
        assert [line["lane"] for line in finished] == ["batch", "batch"]
        assert finished[0]["saved_by_lane_usd"] == result["cost"]["saved_by_lane_usd"]

    play(scene, shape=BATCHES)


@pytest.mark.parametrize("waiting", ["queued", "sent"])
def test_nothing_that_comes_meanwhile_asks_and_another_payload_is_a_conflict(waiting: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await until(stage, waiting)
        before = dict(await stage.document("r"))
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.redrive("r", 1)
        await stage.wake("r", before["fence"])
        await stage.wake("r", before["fence"] - 1)
        await stage.ask("r", "something else")
        await asyncio.sleep(10)
        assert {**await stage.document("r")} == before
        assert await stage.letters() == ["conflict"]
        await stage.rest()
        assert asked(stage) == ["lazy"]

    play(scene, shape=BATCHES)


def test_who_cannot_wait_takes_the_flight_of_who_is_still_in_the_pile() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("patient", max_wait_s=PATIENT)
        await asyncio.sleep(20)
        await stage.ask("hurried")
        await asyncio.sleep(10)
        assert (await stage.result("hurried"))["lane"] == "sync"
        await stage.rest()
        assert asked(stage) == ["prompt"]
        assert (await stage.result("patient"))["cache"] == "coalesced"

    play(scene, shape=BATCHES)


def test_beside_who_is_sent_a_hurried_one_asks_alone() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("patient", max_wait_s=PATIENT)
        await until(stage, "sent", "patient")
        await stage.ask("hurried")
        await asyncio.sleep(10)
        assert asked(stage) == ["prompt"]
        await stage.rest()
        assert asked(stage) == ["prompt", "lazy"]

    play(scene, shape=BATCHES)


def test_two_who_can_wait_ask_once_and_the_second_sleeps_until_the_first() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("first", max_wait_s=PATIENT)
        await asyncio.sleep(5)
        await stage.ask("second", max_wait_s=PATIENT)
        await asyncio.sleep(5)
        document = await stage.document("second")
        assert document["state"] == "following"
        assert document["not_before"] - stage.world.clock.now() > timedelta(hours=5)
        await stage.rest()
        assert asked(stage) == ["lazy"]
        assert (await stage.document("second"))["sweeps"] == 0

    play(scene, shape=BATCHES)


def test_whose_time_is_up_is_called_back_and_asked_at_once_before_its_deadline() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.takes_s = 1e6
        await stage.ask("r", max_wait_s=8000)
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], result["lane"], result["plan"]["lane"]) == ("completed", "sync", "batch")
        assert datetime.fromisoformat(result["completed_at"]) < EPOCH + timedelta(seconds=8000)
        assert asked(stage) == ["prompt"]

    play(scene, shape=BATCHES)


def test_a_create_whose_answer_is_lost_is_found_and_not_repeated() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["lazy"]
        assert len(stage.world.batches.jobs) == 1
        assert (await stage.result("r"))["attempts"] == 1

    play(scene, plan=AtNamed({("runner.create", 1): Fault.LOST_RESPONSE}), shape=BATCHES)


def test_a_create_that_the_listing_shows_too_late_is_collected_too_and_told() -> None:
    """Both are paid: one answers, the other is an orphan, and the result says that there was one more."""

    async def scene(stage: Stage) -> None:
        stage.world.batches.lag_s, stage.world.batches.takes_s = 900, 2000
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["lazy", "lazy"]
        assert len(stage.world.batches.jobs) == 2
        path = "tenants/default/requests/r/orphans"
        assert len(await stage.world.store.scan(path, after="", limit=9, timeout_s=5)) == 1
        result = await stage.result("r")
        assert "1 more call may have been paid" in result["cost"]["breakdown"]["unknown"]

    play(scene, plan=AtNamed({("runner.create", 1): Fault.LOST_RESPONSE}), shape=BATCHES)


@pytest.mark.parametrize("refused", [True, False])
def test_a_lost_create_that_no_other_follows_counts_as_one_call(refused: bool) -> None:
    """The next file is refused, or there is no time for another one."""

    async def scene(stage: Stage) -> None:
        stage.world.batches.lag_s = 1e6
        await stage.ask("r", max_wait_s=PATIENT)
        while not stage.world.batches.jobs:
            await asyncio.sleep(1)
        if refused:
            stage.world.batches.refuses = ProviderFailure(FailureClass.FINAL, "simulated: no", status=400)
        else:
            stage.world.batches.refuses = ProviderFailure(FailureClass.UNPAID, "simulated: 429", status=429)
        await stage.rest()
        assert asked(stage) == ["lazy", "prompt"]
        assert (await stage.document("r"))["perhaps_paid"] == 1
        told = (await stage.result("r"))["cost"]["breakdown"]["unknown"]
        assert told.startswith("1 more call may have been paid")

    play(scene, plan=AtNamed({("runner.create", 1): Fault.LOST_RESPONSE}), shape=BATCHES)


def test_a_create_that_came_to_nothing_is_made_anew_with_a_new_file() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["lazy"]
        [job] = stage.world.batches.jobs.values()
        assert (job.file, job.gone) == ("file-1", frozenset({"file-0"}))

    play(scene, plan=AtNamed({("runner.create", 1): Fault.KILL_BEFORE}), shape=BATCHES)


@pytest.mark.parametrize(
    ("problem", "lanes"),
    [
        (Problem.ALLOWANCE, {"batch"}),
        (Problem.LINES, {"batch", "sync"}),
        (Problem.WHOLE, {"sync"}),
    ],
)
def test_a_batch_that_fails_as_a_whole_costs_nobody_a_try(problem: Problem, lanes: set[str]) -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.fails = [problem]
        for number in range(4):
            await stage.ask(f"r{number}", f"question {number}", max_wait_s=PATIENT)
        await stage.rest()
        results = [await stage.result(f"r{number}") for number in range(4)]
        assert {result["lane"] for result in results} == lanes
        assert {result["status"] for result in results} == {"completed"}
        assert len(asked(stage)) == 4
        assert {result["attempts"] for result in results} <= {1, 2}
        assert all("unknown" not in result["cost"]["breakdown"] for result in results)

    play(scene, shape=BATCHES)


def test_what_the_provider_found_too_much_is_tried_in_halves() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.fails = [Problem.ALLOWANCE]
        for number in range(4):
            await stage.ask(f"r{number}", f"question {number}", max_wait_s=PATIENT)
        await stage.rest()
        sizes = [len(job.lines) for job in stage.world.batches.jobs.values()]
        assert sizes == [4, 2, 2]

    play(scene, shape=ALONE)


def test_a_line_in_both_files_is_an_answer() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.both = stage.world.batches.shuffled = True
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.ask("s", "another", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["lazy", "lazy"]
        assert [(await stage.document(name))["tries"] for name in ("r", "s")] == [0, 0]

    play(scene, shape=BATCHES)


def test_a_line_that_is_read_again_changes_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        before = await stage.document("r")
        [job] = stage.world.batches.jobs.values()
        s = stage.world.instances[0].services
        runner = s.runners["lazy"]
        found = runner.read_line(job.answers[0])
        assert found is not None
        member = Member("default", "r", before["created_at"], 0, before["batch"], LAZY)
        read = partial(runner.completion, found[1])
        assert await take_line(s, member, f"{job.name}/{found[0]}", read) is Fate.NOTHING
        assert await take_line(s, member, f"another job/{found[0]}", read) is Fate.ORPHAN
        assert await take_line(s, member, f"another job/{found[0]}", read) is Fate.NOTHING
        assert {**await stage.document("r"), "orphans": 0} == {**before, "orphans": 0}

    play(scene, shape=BATCHES)


def test_only_who_got_no_line_is_sent_again_and_that_is_counted() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.ask("s", "another", max_wait_s=PATIENT)
        await stage.rest()
        sizes = [len(job.lines) for job in stage.world.batches.jobs.values()]
        assert sizes == [2, 1]
        tries = [(await stage.document(name))["perhaps_paid"] for name in ("r", "s")]
        assert sorted(tries) == [0, 1]

    play(scene, replies=[Reply("unreadable")], shape=ALONE)


def test_what_a_batch_did_not_begin_is_sent_again_uncounted() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        document = await stage.document("r")
        assert (document["tries"], document["perhaps_paid"]) == (0, 0)

    play(scene, replies=[Reply("throttled")] * 3, shape=BATCHES)


def test_a_refusal_is_final_for_its_line_alone() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.ask("s", "another", max_wait_s=PATIENT)
        await stage.rest()
        reasons = [await stage.reason(name) for name in ("r", "s")]
        assert sorted(map(str, reasons)) == ["None", "provider_rejected"]
        assert len(stage.world.batches.jobs) == 1

    play(scene, replies=[Reply("rejected")], shape=BATCHES)


def test_while_paused_nothing_is_created_and_after_it_everything_is() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        pause = Pause(stage.world.clock.now(), "tests")
        await stage.world.store.commit([Put(PAUSE_PATH, pause.encode())], timeout_s=5)
        await asyncio.sleep(1500)
        assert stage.world.batches.jobs == {}
        await stage.world.store.commit([Delete(PAUSE_PATH)], timeout_s=5)
        await stage.rest()
        assert asked(stage) == ["lazy"]

    play(scene, shape=BATCHES)


def test_what_is_forgotten_while_it_is_out_is_dropped() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await until(stage, "sent")
        await stage.world.store.commit([Delete("tenants/default/requests/r")], timeout_s=5)
        await stage.rest()
        found = await stage.world.store.scan("tenants/default/requests", after="", limit=9, timeout_s=5)
        assert found == []

    play(scene, shape=BATCHES, checked=False)


def test_a_late_answer_of_an_earlier_life_answers_the_redrive_without_a_call() -> None:
    """Its deadline passed while nobody collected: the line is an orphan, which a redrive finds first."""

    async def scene(stage: Stage) -> None:
        stage.world.batches.takes_s = 9000
        await stage.ask("r", cache="off", max_wait_s=8000)
        await until(stage, "sent")
        # Nobody works on batches until it is too late.
        path = "tenants/default/batches"
        [found] = await stage.world.store.scan(path, after="", limit=9, timeout_s=5)
        fields = dict(found.fields or {})
        await stage.world.store.commit([Delete(found.path)], timeout_s=5)
        await asyncio.sleep(9000)
        assert await stage.reason("r") == "deadline_exceeded"
        await stage.world.store.commit([Put(found.path, fields)], timeout_s=5)
        await asyncio.sleep(600)
        await stage.redrive("r", 1, cache="off", max_wait_s=8000)
        await stage.rest()
        assert asked(stage) == ["lazy"]
        assert (await stage.result("r"))["status"] == "completed"

    play(scene, shape=ALONE)


@pytest.mark.parametrize("waiting", ["queued", "sent"])
def test_who_waits_goes_on_whatever_a_deploy_made_of_the_route(waiting: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await until(stage, waiting)
        route = BATCHED.routes["one"].model_copy(
            update={"targets": list(reversed(BATCHED.routes["one"].targets))}
        )
        for instance in [*stage.world.instances, stage.world.scheduled]:
            object.__setattr__(instance.services, "routes", replace(BATCHED, routes={"one": route}))
        await stage.rest()
        assert asked(stage) == ["lazy"]

    play(scene, shape=ALONE)


def test_a_lane_that_a_deploy_took_away_is_left_in_time() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=8000)
        await asyncio.sleep(20)
        route = BATCHED.routes["one"].model_copy(update={"targets": [PROMPT]})
        for instance in [*stage.world.instances, stage.world.scheduled]:
            object.__setattr__(instance.services, "routes", replace(BATCHED, routes={"one": route}))
        await asyncio.sleep(7900)
        assert (await stage.result("r"))["status"] == "completed"
        assert asked(stage) == ["prompt"]
        assert stage.log("pile.stranded")

    play(scene, shape=ALONE, checked=False)


@pytest.mark.parametrize("count", [40, pytest.param(300, marks=pytest.mark.long)])
def test_many_with_one_deadline_go_out_together_and_each_comes_back_once(count: int) -> None:
    async def scene(stage: Stage) -> None:
        for number in range(count):
            await stage.ask(f"r{number}", f"question {number}", max_wait_s=PATIENT)
        await stage.rest()
        assert len(asked(stage)) == count
        [found] = await stage.world.store.scan(f"tenants/default/{GROUP}", after="", limit=9, timeout_s=5)
        assert (found.fields or {})["fates"] == {"answered": count, "without a line": 0}
        assert (found.fields or {})["expires_at"] > stage.world.clock.now() + timedelta(days=30)

    play(scene, shape=ALONE)


def test_a_pile_that_is_read_in_pages_goes_out_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """No query of it is for all of them: fifty thousand would take longer than a query may."""
    monkeypatch.setattr(sealing, "PAGE", 2)

    async def scene(stage: Stage) -> None:
        for number in range(13):
            await stage.ask(f"r{number}", f"question {number}", max_wait_s=PATIENT)
        await stage.rest()
        assert [len(job.lines) for job in stage.world.batches.jobs.values()] == [13]
        assert sorted(call.request_id for call in stage.world.ledger.calls) == sorted(
            f"r{number}" for number in range(13)
        )

    play(scene, shape=ALONE)


@pytest.mark.long
def test_three_hundred_with_one_deadline_are_all_asked_at_once_in_time() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.takes_s = 1e6
        for number in range(300):
            await stage.ask(f"r{number}", f"question {number}", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["prompt"] * 300
        for number in range(300):
            result = await stage.result(f"r{number}")
            assert (result["status"], result["lane"]) == ("completed", "sync")
            assert datetime.fromisoformat(result["completed_at"]) < EPOCH + timedelta(seconds=PATIENT)

    play(scene, shape=BATCHES)
