"""Requests under shared limits, through production's own doors."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from penstock.pacing.keeper import GivesTurns
from penstock.pacing.known import FACTOR, WHOLE
from penstock.ports import Put
from penstock.targets.pace import TURNS_PATH, Pace
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.pace_checker import most_in_a_minute
from tests.chaos.pace_stage import paced, with_paces
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

#: Slots are 3.16 s apart: 19 a minute.
_TWENTY = Pace("target:a", rpm=20)


async def _ask_many(stage: Stage, many: int, tenant: str = "t", **body: object) -> None:
    for number in range(many):
        name = f"{tenant}-{number}"
        await stage.ask(name, f"question {number}", cache="off", tenant=tenant, **body)


@pytest.mark.slow
def test_ten_instances_together_keep_to_the_limit_and_use_it() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 85)
        await asyncio.sleep(240)
        calls = stage.world.ledger.calls
        assert most_in_a_minute(calls) <= 20
        minutes = Counter(int(call.at // 60) for call in calls)
        # Before the first sweep only who came first has a slot.
        assert all(minutes[minute] >= 18 for minute in range(2, 4)), minutes
        assert len({call.instance for call in calls}) >= 8
        # No herd: a sweep wakes what its minute carries, and nobody in vain.
        assert all(line["woken"] <= 23 for line in stage.log("limit.turns"))
        assert len(stage.log("request.parked")) <= 85 + 2

    play(scene, shape=paced(_TWENTY))


@pytest.mark.slow
def test_without_a_limit_on_it_a_request_writes_and_waits_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 30)
        await stage.rest()
        assert stage.world.now() < 30
        assert await stage.world.store.scan("paces", after="", limit=9, timeout_s=8) == []

    play(scene, shape=paced(Pace("target:b", rpm=1), Pace("tenant:other", rpm=1)))


@pytest.mark.slow
def test_tokens_count_before_the_call_as_the_longest_answer() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 30, params={"max_tokens": 900})
        await stage.rest()
        # A call counts some 930 tokens: ten fit in a minute, and the last one may begin in it.
        assert 8 <= most_in_a_minute(stage.world.ledger.calls) <= 11

    play(scene, shape=paced(Pace("target:a", tpm=10_000)))


def test_a_call_larger_than_a_minute_is_refused_and_does_not_wait_for_ever() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", params={"max_tokens": 20_000})
        await stage.rest()
        assert await stage.reason("r1") == "provider_rejected"
        message = (await stage.result("r1"))["error"]["message"]
        assert "10,000 tokens a minute of target:a" in message
        assert stage.calls() == 0

    play(scene, shape=paced(Pace("target:a", tpm=10_000)))


@pytest.mark.slow
def test_a_tenants_limit_is_its_own() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 15, "slow")
        await _ask_many(stage, 15, "free")
        await stage.rest()
        by = {name: [c for c in stage.world.ledger.calls if c.tenant == name] for name in ("slow", "free")}
        assert most_in_a_minute(by["slow"]) <= 6
        assert max(call.at for call in by["free"]) < 10 < max(call.at for call in by["slow"])

    play(scene, shape=paced(Pace("tenant:slow", rpm=6)))


@pytest.mark.slow
def test_under_two_limits_both_hold() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 15, "slow")
        await _ask_many(stage, 25, "free")
        await stage.rest()
        calls = stage.world.ledger.calls
        assert most_in_a_minute(calls) <= 20
        assert most_in_a_minute(call for call in calls if call.tenant == "slow") <= 6

    play(scene, shape=paced(_TWENTY, Pace("tenant:slow", rpm=6)))


def test_where_a_route_falls_back_the_next_target_answers_at_once() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 20, model="two")
        await stage.rest()
        targets = Counter(call.target for call in stage.world.ledger.calls)
        assert targets["b"] + targets["c"] == 20
        assert targets["c"] >= 12
        assert max(call.at for call in stage.world.ledger.calls) < 10

    play(scene, shape=paced(Pace("target:b", rpm=60)))


@pytest.mark.slow
def test_one_429_is_heard_by_all() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 12)
        await asyncio.sleep(3)
        await _ask_many(stage, 40, "later")
        await stage.rest()
        calls = sorted(stage.world.ledger.calls, key=lambda call: call.at)
        first = calls[0]
        heard = (first.answered_at or 0) + 5.5  # an instance that booked before reads of it with the pause
        assert not [call for call in calls if heard < call.at < (first.answered_at or 0) + 40]
        assert calls[-1].at > 40

    play(scene, shape=paced(Pace("target:a", rpm=600)), replies=[Reply("throttled", 0.1, 40.0)])


@pytest.mark.slow
def test_a_storm_of_429_costs_few_calls_and_no_request() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 60)
        await stage.rest()
        calls = sorted(stage.world.ledger.calls, key=lambda call: call.at)
        refused = [call for call in calls if call.kind == "throttled"]
        # Given a provider that is full for its first thirty calls, each asks for 20 s: ten instances without
        # a word between them would be refused so often at once
        assert len(refused) == 30
        assert len(calls) == 60 + 30
        assert refused[-1].at - refused[0].at > 4 * 20
        assert [letter for letter in await stage.letters() if letter] == []
        assert most_in_a_minute(calls) <= 60

    play(scene, shape=paced(Pace("target:a", rpm=60)), replies=[Reply("throttled", 0.1, 20.0)] * 30)


@pytest.mark.long
def test_after_a_429_less_is_used_and_more_again_by_and_by() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 60)
        await asyncio.sleep(125)
        [limit] = await stage.world.store.scan("paces", after="", limit=9, timeout_s=8)
        assert (limit.fields or {})[FACTOR] in (700, 750)
        before = (limit.fields or {})[FACTOR]
        await asyncio.sleep(120)
        [limit] = await stage.world.store.scan("paces", after="", limit=9, timeout_s=8)
        assert before < (limit.fields or {})[FACTOR] <= WHOLE
        assert most_in_a_minute(stage.world.ledger.calls) <= 20

    play(scene, shape=paced(_TWENTY), replies=[Reply("throttled", 0.1, 10.0)])


@pytest.mark.slow
def test_a_tenant_with_much_waiting_does_not_keep_another_one_waiting() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 100, "huge")
        await asyncio.sleep(90)
        await stage.ask("small-0", cache="off", tenant="small")
        came = stage.world.now()
        await asyncio.sleep(130)
        [call] = [call for call in stage.world.ledger.calls if call.tenant == "small"]
        assert call.at - came <= 120

    play(scene, shape=paced(_TWENTY))


@pytest.mark.long
def test_weights_share_the_limit_three_to_one() -> None:
    async def scene(stage: Stage) -> None:
        weights = {"weights": {"heavy": 3.0}}
        await stage.world.store.commit([Put(TURNS_PATH, weights)], timeout_s=8)
        for tenant in ("heavy", "light"):
            await _ask_many(stage, 80, tenant)
        await asyncio.sleep(330)
        calls = [call for call in stage.world.ledger.calls if call.at >= 60]
        shares = Counter(call.tenant for call in calls)
        assert 2.85 <= shares["heavy"] / shares["light"] <= 3.15, shares

    play(scene, shape=paced(_TWENTY))


@pytest.mark.slow
def test_newcomers_queue_behind_who_waits() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 45, "t", max_wait_s=50_000)
        for second in range(80, 140, 4):
            await asyncio.sleep(max(0, second - stage.world.now()))
            await stage.ask(f"new-{second}", cache="off", tenant="t", max_wait_s=80_000)
        await stage.rest()
        order = [call.request_id for call in sorted(stage.world.ledger.calls, key=lambda call: call.at)]
        last_old = max(order.index(f"t-{number}") for number in range(45))
        early = sum(name.startswith("new") for name in order[:last_old])
        assert early <= 2, early

    play(scene, shape=paced(_TWENTY))


@pytest.mark.long
def test_who_must_start_now_to_keep_its_deadline_goes_first() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 90, "huge")
        await asyncio.sleep(65)
        for number in range(3):
            await stage.ask(f"soon-{number}", cache="off", tenant="huge", max_wait_s=140)
        await stage.rest()
        for number in range(3):
            assert (await stage.result(f"soon-{number}", "huge"))["status"] == "completed"

    play(scene, shape=paced(_TWENTY))


@pytest.mark.slow
def test_of_two_sweepers_at_once_one_gives_turns() -> None:
    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 60)
        await asyncio.sleep(40)
        gives = GivesTurns((_TWENTY,))
        await asyncio.gather(*(gives.keep(stage.world.scheduled.services) for _ in range(2)))
        assert most_in_a_minute(stage.world.ledger.calls) <= 20
        [limit] = await stage.world.store.scan("paces", after="", limit=9, timeout_s=8)
        ahead = (limit.fields or {})["rpm_tail"] / 1e6 - stage.world.clock.now().timestamp()
        assert ahead < 60

    play(scene, shape=paced(_TWENTY))


def test_who_waits_too_long_for_its_place_among_the_calls_of_an_instance_books_anew() -> None:
    target = Target(name="a", provider="openai", model="model-a", max_concurrency=1)
    routes = Routes("one", {"one": Route(targets=[target])})

    async def scene(stage: Stage) -> None:
        await _ask_many(stage, 3)
        await stage.rest()
        # A slot is a second long, a call four: a slot has passed before the instance has a place for it, and
        # is given up then, not when the patience for a place ends.
        given_up = [line["ms"] for line in stage.log("provider.called") if line["outcome"] == "not_called"]
        assert min(given_up) < 4500
        assert len(stage.world.ledger.calls) == 3

    shape = with_paces(Shape(routes, seed=1, instances=1), Pace("target:a", rpm=60))
    play(scene, shape=shape, always=Reply("ok", 4.0))


def test_a_slot_costs_no_round_trip() -> None:
    def until_called(shape: Shape) -> float:
        took: list[float] = []

        async def scene(stage: Stage) -> None:
            for number in range(9):
                came = stage.world.now()
                await stage.ask(f"r{number}", f"question {number}", cache="off")
                await stage.rest()
                took.append(stage.world.ledger.calls[-1].at - came)

        play(scene, shape=shape)
        # The first of an instance does not know the store's clock yet.
        return sum(took[1:]) / 8

    off = Shape(ROUTES, seed=1, instances=1)
    assert until_called(with_paces(off, Pace("target:a", rpm=600))) < until_called(off) + 0.01


@pytest.mark.slow
def test_who_comes_one_by_one_books_a_slot_of_its_own() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(45):
            await stage.ask(f"r{number}", f"question {number}", cache="off")
            await asyncio.sleep(2)
        assert most_in_a_minute(stage.world.ledger.calls) <= 20

    play(scene, shape=paced(_TWENTY, instances=3))


@pytest.mark.parametrize("arrivals", [(110.7, 122.0, 131.3), (44.8, 69.7, 87.0, 124.9)])
def test_two_who_need_the_same_two_limits_do_not_each_have_for_ever_what_the_other_lacks(
    arrivals: tuple[float, ...],
) -> None:
    """Given a limit of the tenant and one of the target, both of one call a minute.

    If some come so that two wait for one limit each, I expect all of them answered within the hour: there is
    time for sixty calls.
    """

    async def scene(stage: Stage) -> None:
        for number, at in enumerate(arrivals):
            await asyncio.sleep(at - stage.world.now())
            await stage.ask(f"acme-{number}", f"question {number}", cache="off", tenant="acme")
        await asyncio.sleep(3600)
        assert len(stage.world.ledger.calls) == len(arrivals)

    play(scene, shape=paced(Pace("tenant:acme", rpm=1), Pace("target:a", rpm=1), instances=2))
