"""What is added to a tenant's usage: on the day of the call, by model, lane and tier, once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.ports import Increment
from penstock.requests import transitions
from penstock.requests.booking import booked
from penstock.requests.record import ATTEMPTS_KEPT, Attempt
from penstock.targets.routes import Route, Routes
from penstock.timing import Timing
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape
from tests.unit.requests.records import NOW, record


def _priced() -> Routes:
    target = ROUTES.routes["one"].targets[0].model_copy(update={"price": "gpt-5.4-nano"})
    return Routes("one", {"one": Route(targets=[target])})


SHAPE = Shape(_priced(), seed=3)
FAILED: dict[str, Any] = {
    "cache": "miss",
    "status": "failed",
    "usage": None,
    "model": None,
    "cost": {"usd": None, "saved_usd": 0.0},
}


async def _usage(stage: Stage) -> list[Mapping[str, Any]]:
    """The usage documents, by day and model."""
    documents = (await stage.evidence()).documents
    found = [fields for path, fields in documents.items() if "/usage/" in path]
    return sorted(found, key=lambda fields: (fields["day"], fields["model"]))


async def _until_midnight(stage: Stage, but_s: float) -> datetime:
    """Wait until so many seconds before the next day of UTC begins; when it does."""
    now = stage.world.clock.now()
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    await asyncio.sleep((midnight - now).total_seconds() - but_s)
    return midnight


def test_a_call_counts_on_its_own_day_and_a_hit_on_that_of_the_hit() -> None:
    async def scene(stage: Stage) -> None:
        midnight = await _until_midnight(stage, 10)
        await stage.ask("bought")
        await asyncio.sleep(60)
        await stage.ask("hit")
        await stage.rest()
        assert stage.calls() == 1
        before, after = await _usage(stage)
        # Given an answer after midnight to a call before it, I expect the provider's day: the call's.
        assert before["day"] == f"{midnight - timedelta(days=1):%Y-%m-%d}"
        assert (before["cache_miss"], before["prompt_tokens"]) == (1, 10)
        assert after["day"] == f"{midnight:%Y-%m-%d}"
        assert (after["cache_hit"], after["saved_nano_usd"]) == (1, before["cost_nano_usd"])
        assert "prompt_tokens" not in after
        assert (before["model"], before["lane"], before["tier"]) == ("sim-model", "sync", "standard")

    play(scene, always=Reply("ok", 30), shape=SHAPE)


def test_a_call_that_may_have_been_paid_counts_on_its_own_day() -> None:
    async def scene(stage: Stage) -> None:
        midnight = await _until_midnight(stage, 10)
        await stage.ask("r")
        await stage.rest()
        unsure, sure = await _usage(stage)
        assert (unsure["day"], unsure["perhaps_paid"]) == (f"{midnight - timedelta(days=1):%Y-%m-%d}", 1)
        assert (unsure["model"], unsure.get("requests", 0), unsure.get("cost_nano_usd", 0)) == ("", 0, 0)
        assert (sure["day"], sure["requests"]) == (f"{midnight:%Y-%m-%d}", 1)

    play(scene, replies=[Reply("broken", 30)], shape=SHAPE)


def test_no_life_of_a_request_counts_a_call_again() -> None:
    # Given two calls that may have been paid and are counted, I expect the third alone from the next life.
    one = record(result=FAILED)
    for day in range(3):
        at = NOW + timedelta(days=day)
        one = one.with_attempt(Attempt(1, "t", at)).with_outcome("ambiguous")
        if day == 1:
            one = transitions.confirmed(one, NOW, Timing())
    [last] = booked(one, NOW + timedelta(days=9))
    assert last.fields["day"] == f"{NOW + timedelta(days=2):%Y-%m-%d}"
    assert last.fields["perhaps_paid"] == Increment(1)
    [again] = booked(transitions.confirmed(one, NOW, Timing()), NOW)
    assert "perhaps_paid" not in again.fields


def test_more_calls_than_the_ledger_has_lines_are_all_counted() -> None:
    one = record(result=FAILED)
    for _ in range(2 * ATTEMPTS_KEPT):
        one = one.with_attempt(Attempt(1, "t", NOW)).with_outcome("unknown")
    [unsure] = booked(one, NOW)
    assert unsure.fields["perhaps_paid"] == Increment(2 * ATTEMPTS_KEPT)


def test_money_is_counted_to_the_nano() -> None:
    # 37.5 nano-dollars a token: a product of floats would round some of them down.
    result: dict[str, Any] = {
        "cache": "off", "status": "completed", "usage": None, "model": "org/model", "lane": "batch",
        "cost": {"usd": 0.0000000005, "saved_usd": 1.000000001},
    }  # fmt: skip
    [write] = booked(record(result=result), NOW)
    assert write.fields["saved_nano_usd"] == Increment(1_000_000_001)
    assert "cost_nano_usd" not in write.fields
    assert (write.fields["lane"], write.fields["model"]) == ("batch", "org/model")
    assert write.path.count("/") == 3


def test_whom_was_asked_is_counted_by_itself_the_unsure_calls_too() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    result: dict[str, Any] = {
        "cache": "miss", "status": "completed", "usage": usage, "model": "m", "target": "small",
        "lane": "batch", "cost": {"usd": 0.5, "saved_usd": 0.0, "saved_by_lane_usd": 0.25},
    }  # fmt: skip
    one = record(result=result).with_attempt(Attempt(1, "large", NOW)).with_outcome("unknown")
    one = one.with_attempt(Attempt(1, "small", NOW)).with_outcome("ok")
    sure, unsure = sorted(booked(one, NOW), key=lambda write: str(write.fields["model"]), reverse=True)
    assert (sure.fields["target"], sure.fields["answered"]) == ("small", Increment(1))
    assert sure.fields["lane_saved_nano_usd"] == Increment(250_000_000)
    assert (unsure.fields["target"], unsure.fields["perhaps_paid"]) == ("large", Increment(1))


def test_a_result_that_no_usage_came_with_is_no_answer_that_a_provider_counts() -> None:
    [failed] = booked(record(result=FAILED), NOW)
    assert "answered" not in failed.fields
