"""Calls that are kept, when their provider or their holder is not what it should be."""

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
#: The message comes once more when the lease of the first delivery is over.
AGAIN = replace(BACKGROUND, seed=2, duplicates=1.0, later_s=(70.0,))
PATIENT = 3600


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


def denied(kind: FailureClass, status: int) -> ProviderFailure:
    return ProviderFailure(kind, f"simulated: {status}", status=status)


def test_whoever_is_fenced_out_before_the_name_is_written_calls_its_call_back() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.responses.takes_s = 1200
        await stage.ask("r")
        await stage.rest()
        first = stage.world.responses.responses["resp-0"]
        assert first.cancelled
        assert sorted(stage.world.responses.deleted) == ["resp-0", "resp-1"]
        result = await stage.result("r")
        assert (result["status"], len(asked(stage)), result["attempts"]) == ("completed", 2, 2)
        assert "1 more call may have been paid" in result["cost"]["breakdown"]["unknown"]

    play(scene, plan=AtNamed({("store.commit", 2): Fault.PAUSE_BEFORE}), shape=AGAIN)


@pytest.mark.parametrize("status", [500, 503])
def test_an_outage_while_it_is_kept_costs_patience_and_no_call(status: int) -> None:
    async def scene(stage: Stage) -> None:
        kind = FailureClass.AMBIGUOUS if status == 500 else FailureClass.UNPAID
        stage.world.responses.denies = denied(kind, status)
        await stage.ask("r")
        await asyncio.sleep(1200)
        assert stage.log("request.unreachable")
        stage.world.responses.denies = None
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], result["attempts"], asked(stage)) == ("completed", 1, ["kept"])
        assert "unknown" not in result["cost"]["breakdown"]

    play(scene, shape=ONE)


def test_a_key_that_was_changed_is_read_anew_and_the_call_found() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.responses.denies = denied(FailureClass.UNPAID, 401)
        await stage.ask("r")
        await asyncio.sleep(600)
        assert stage.world.responses.denies is None
        await stage.rest()
        assert (await stage.result("r"))["attempts"] == 1
        assert asked(stage) == ["kept"]

    play(scene, shape=ONE)


def test_a_create_that_is_not_let_in_is_begun_later_and_was_no_call() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], asked(stage)) == ("completed", ["kept", "kept"])
        assert "unknown" not in result["cost"]["breakdown"]

    play(scene, replies=[Reply("locked")], shape=ONE)


def test_a_call_of_an_hour_is_asked_after_ever_more_seldom() -> None:
    """1.6 times as long each time: a minute, then 1.6, 2.6, 4.1 … minutes after the create."""

    async def scene(stage: Stage) -> None:
        stage.world.responses.takes_s = 3600
        await stage.ask("r")
        await stage.rest()
        assert (await stage.result("r"))["status"] == "completed"
        assert 8 <= stage.world.responses.looks <= 16

    play(scene, shape=ONE)


def test_whose_time_is_up_is_called_back_then_and_not_at_the_next_look() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.responses.takes_s = 1e6
        await stage.ask("r", model="chooses", max_wait_s=PATIENT)
        await asyncio.sleep(60)
        escalate_at = (await stage.document("r"))["plan"]["escalate_at"]
        await stage.rest()
        second = stage.world.ledger.calls[-1]
        began_s = (escalate_at - stage.world.clock.now()).total_seconds() + stage.world.now()
        assert 0 <= second.at - began_s < 120

    play(scene, shape=ONE)
