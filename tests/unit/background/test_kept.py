"""Calls that their provider keeps, through the whole story. The checker looks on at every end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from penstock.errors import FailureClass, ProviderFailure
from tests.chaos.background_stage import BACKGROUND
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play

ONE = replace(BACKGROUND, instances=1)
#: Enough for the lane, by what is believed of it before anything was seen.
PATIENT = 3600


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


async def until_kept(stage: Stage, request_id: str = "r") -> None:
    await asyncio.sleep(5)
    while (await stage.document(request_id))["state"] != "sent":
        await asyncio.sleep(5)


def test_a_call_of_twenty_minutes_is_asked_after_and_answered() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.responses.takes_s = 1200
        await stage.ask("r")
        await asyncio.sleep(10)
        document = await stage.document("r")
        assert (document["state"], document["response"]) == ("sent", "resp-0")
        assert "lease_until" not in document
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], result["lane"], result["attempts"]) == ("completed", "background", 1)
        assert result["cost"]["breakdown"]["lane"] == "background"
        assert asked(stage) == ["kept"]
        assert stage.world.responses.deleted == ["resp-0"]

    play(scene, shape=ONE)


def test_who_can_wait_is_kept_and_who_cannot_is_answered_at_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("patient", model="chooses", max_wait_s=PATIENT)
        await stage.ask("hurried", "another", model="chooses")
        await stage.rest()
        assert sorted(asked(stage)) == ["kept", "prompt"]
        assert (await stage.result("patient"))["plan"]["lane"] == "background"
        assert (await stage.result("hurried"))["lane"] == "sync"

    play(scene, shape=ONE)


def test_nothing_that_comes_meanwhile_asks_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await until_kept(stage)
        before = dict(await stage.document("r"))
        await stage.ask("r")
        await stage.redrive("r", 1)
        await stage.wake("r", before["fence"])
        await stage.wake("r", before["fence"] - 1)
        await asyncio.sleep(5)
        assert {**await stage.document("r")} == before
        await stage.rest()
        assert asked(stage) == ["kept"]

    play(scene, shape=ONE)


def test_two_of_one_question_are_one_call() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("first")
        await until_kept(stage, "first")
        await stage.ask("second")
        await stage.rest()
        assert asked(stage) == ["kept"]
        assert (await stage.result("second"))["cache"] in ("hit", "coalesced")

    play(scene, shape=ONE)


def test_whose_time_is_up_is_called_back_and_asked_at_once() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.responses.takes_s = 1e6
        await stage.ask("r", model="chooses", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["kept", "prompt"]
        result = await stage.result("r")
        assert (result["status"], result["lane"], result["attempts"]) == ("completed", "sync", 2)
        assert "1 more call may have been paid" in result["cost"]["breakdown"]["unknown"]
        assert stage.world.responses.responses["resp-0"].cancelled
        assert stage.world.responses.deleted == ["resp-0"]

    play(scene, shape=ONE)


def test_a_deadline_that_passes_calls_back_and_says_so() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.responses.takes_s = 1e6
        await stage.ask("r", max_wait_s=900)
        await stage.rest()
        assert await stage.reason("r") == "deadline_exceeded"
        assert stage.world.responses.responses["resp-0"].cancelled

    play(scene, shape=ONE)


@pytest.mark.parametrize("fault", [Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.LOST_RESPONSE])
@pytest.mark.parametrize("step", ["later.look", "later.delete"])
def test_whoever_dies_over_a_kept_call_leaves_it_to_the_next(step: str, fault: Fault) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert (await stage.result("r"))["attempts"] == 1
        assert asked(stage) == ["kept"]

    play(scene, plan=AtNamed({(step, 1): fault}), shape=ONE)


@pytest.mark.parametrize("fault", [Fault.KILL_AFTER, Fault.LOST_RESPONSE])
def test_a_begun_call_whose_name_is_lost_counts_as_perhaps_paid(fault: Fault) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        result = await stage.result("r")
        assert (len(asked(stage)), result["attempts"]) == (2, 2)
        assert "1 more call may have been paid" in result["cost"]["breakdown"]["unknown"]

    play(scene, plan=AtNamed({("later.begin", 1): fault}), shape=ONE)


def test_what_failed_at_its_provider_is_begun_again_under_a_line_of_its_own() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert [line["outcome"] for line in (await stage.document("r"))["attempts"]] == ["ambiguous", "ok"]

    play(scene, replies=[Reply("broken"), Reply()], shape=ONE)


def test_a_refusal_is_final() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert await stage.reason("r") == "content_refused"
        assert asked(stage) == ["kept"]

    play(scene, replies=[Reply("filtered")], shape=ONE)


def test_who_cannot_be_asked_after_is_asked_after_until_time_is_up() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.responses.denies = ProviderFailure(FailureClass.FINAL, "simulated: 404", status=404)
        await stage.ask("r", model="chooses", max_wait_s=PATIENT)
        await asyncio.sleep(600)
        assert asked(stage) == ["kept"]
        assert stage.log("request.unreachable")
        await stage.rest()
        assert asked(stage) == ["kept", "prompt"]
        assert (await stage.result("r"))["attempts"] == 2

    play(scene, shape=ONE)


def test_an_answer_that_brings_down_its_readers_is_given_up() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.responses.deadly = frozenset({"r"})
        await stage.ask("r")
        await stage.rest()
        assert await stage.reason("r") == "internal"
        assert asked(stage) == ["kept"]

    play(scene, shape=ONE)


def test_what_has_no_translation_is_planned_for_another_target() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", model="chooses", max_wait_s=PATIENT, params={"stop": "."})
        await stage.rest()
        assert asked(stage) == ["prompt"]

    play(scene, shape=ONE)
