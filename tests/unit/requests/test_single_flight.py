"""Cache and single flight across instances: who asks, who waits, and who must not share (§3.5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.chaos.faults import AtNamed, Fault
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape


def test_the_same_question_is_answered_from_the_cache() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("first")
        await stage.rest()
        await stage.ask("second")
        await stage.rest()
        result = await stage.result("second")
        assert stage.calls() == 1
        assert result["cache"] == "hit"
        assert result["cost"]["usd"] == 0

    play(scene)


def test_fifty_who_ask_at_once_are_one_call() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(50):
            await stage.ask(f"r{number}")
        await stage.rest()
        assert stage.calls() == 1
        assert len((await stage.evidence()).results) == 50

    play(scene, shape=Shape(ROUTES, instances=3), always=Reply(takes_s=5))


def test_when_the_leader_dies_the_followers_are_answered_by_one_more_call() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(20):
            await stage.ask(f"r{number}")
        await asyncio.sleep(5)
        stage.caller().kill()
        await stage.rest()
        assert stage.calls() == 2
        assert len((await stage.evidence()).results) == 20

    play(scene, shape=Shape(ROUTES, instances=3), always=Reply(takes_s=10))


def test_a_follower_that_outlived_two_leaders_waits_for_the_third() -> None:
    """Given a flight that has changed hands, a follower looks at who flies now, not at whom it followed."""

    async def scene(stage: Stage) -> None:
        for number in range(4):
            await stage.ask(f"r{number}")
        for _ in range(2):
            await asyncio.sleep(5)
            stage.caller().kill()
            calls = stage.calls()
            for _ in range(300):
                if stage.calls() == calls:
                    await asyncio.sleep(1)
        await stage.rest()
        assert stage.calls() == 3

    for seed in range(10):
        play(scene, shape=Shape(ROUTES, seed=seed, instances=3), always=Reply(takes_s=30))


def test_a_follower_goes_on_as_soon_as_its_leader_has_ended() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(1)
        await stage.ask("follower")
        await asyncio.sleep(11)
        assert (await stage.result("follower"))["cache"] == "coalesced"

    play(scene, always=Reply(takes_s=8))


def test_every_follower_goes_on_as_soon_as_their_leader_has_ended() -> None:
    """However many wait: nobody of them is left to the minute in which he would look by himself."""

    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(1)
        for number in range(4):
            await stage.ask(f"f{number}")
        await asyncio.sleep(11)
        assert [(await stage.result(f"f{number}"))["cache"] for number in range(4)] == ["coalesced"] * 4

    play(scene, always=Reply(takes_s=8))


def test_a_follower_looks_again_after_it_has_parked() -> None:
    """The leader may have ended between the look and the parking: nobody would wake the follower then."""

    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(1)
        await stage.ask("follower")
        await asyncio.sleep(20)
        assert (await stage.document("leader"))["state"] == "terminal"
        await asyncio.sleep(85)
        assert (await stage.result("follower"))["cache"] == "coalesced"
        assert stage.calls() == 1

    # The follower's instance stands still just before its third commit (leader's claim, own claim, parking).
    plan = AtNamed({("store.commit", 3): Fault.PAUSE_BEFORE})
    play(scene, always=Reply(takes_s=8), plan=plan, shape=Shape(ROUTES, seed=2, instances=3))


def test_a_refusal_is_shared_with_those_who_wait() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(1)
        await stage.ask("follower")
        await stage.rest()
        assert stage.calls() == 1
        assert await stage.reason("follower") == "provider_rejected"

    play(scene, always=Reply("rejected", 5))


def test_a_leaders_deadline_is_its_own() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("leader", max_wait_s=20)
        await asyncio.sleep(0.5)
        await stage.ask("follower")
        await stage.rest()
        assert await stage.reason("leader") == "deadline_exceeded"
        assert await stage.reason("follower") is None

    play(scene, replies=[Reply("throttled", 3.0, 15.0)] * 2)


def test_a_leaders_bad_luck_is_its_own() -> None:
    """Six ambiguous failures end the leader; the follower was not refused, so it asks for itself."""

    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(0.5)
        await stage.ask("follower")
        await stage.rest()
        assert await stage.reason("leader") == "attempts_exhausted"
        assert await stage.reason("follower") is None

    play(scene, replies=[Reply("broken", 0.9)] * 6)


def test_nobody_waits_for_a_leader_that_is_put_aside_beyond_his_deadline() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(5)
        await stage.ask("hurried", max_wait_s=60)
        await asyncio.sleep(20)
        assert (await stage.result("hurried"))["status"] == "completed"
        assert (await stage.document("leader"))["state"] == "parked"
        await stage.rest()

    play(scene, replies=[Reply("throttled", 0.1, 900.0)])


def test_a_follower_past_its_deadline_does_not_wait_on() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(1)
        await stage.ask("hurried", max_wait_s=90)
        await asyncio.sleep(200)
        assert await stage.reason("hurried") == "deadline_exceeded"
        await stage.rest()

    routes = ROUTES.routes["one"].targets[0].model_copy(update={"timeout_s": 450.0})
    route = ROUTES.routes["one"].model_copy(update={"targets": [routes]})
    play(scene, always=Reply(takes_s=400), shape=Shape(type(ROUTES)("one", {"one": route})))


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "acme"}, {"params": {"max_tokens": 7}}, {"model": "two"}, {"cache": "off"},
        {"cache": "refresh"}, {"params": {"temperature": 0.5}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_the_same_question_is_asked_itself(other: dict[str, Any]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("first")
        await stage.rest()
        await stage.ask("second", **other)
        await stage.rest()
        assert stage.calls() == 2

    play(scene)


def test_deliberate_randomness_is_asked_anew_unless_the_client_wants_the_cache() -> None:
    async def scene(stage: Stage) -> None:
        for number, cache in enumerate(("auto", "auto", "use", "use")):
            await stage.ask(f"r{number}", params={"temperature": 0.5}, cache=cache)
            await stage.rest()
        assert stage.calls() == 3

    play(scene)


def test_a_truncated_answer_is_neither_kept_nor_shared() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(1)
        await stage.ask("follower")
        await stage.rest()
        await stage.ask("later")
        await stage.rest()
        assert (await stage.result("leader"))["completion"]["finish_reason"] == "length"
        assert (await stage.result("follower"))["completion"]["finish_reason"] == "stop"
        assert (await stage.result("later"))["cache"] == "hit"
        assert stage.calls() == 2

    play(scene, replies=[Reply("cut", 5)])


def test_a_fallback_answer_is_kept_under_the_target_that_gave_it() -> None:
    """If it lay under the first target's key, the cache would hand out another model's answer."""

    async def scene(stage: Stage) -> None:
        await stage.ask("first", model="two")
        await stage.rest()
        await stage.ask("second", model="two")
        await stage.rest()
        assert (await stage.result("first"))["target"] == "c"
        assert (await stage.result("second"))["target"] == "b"

    play(scene, replies=[Reply("broken", 0.2)])


def test_who_falls_to_another_target_is_given_what_that_one_has_answered() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("first", model="two")
        await stage.rest()
        await stage.ask("second", model="two")
        await stage.rest()
        # b is down for both; c was asked once
        assert [call.target for call in stage.world.ledger.calls] == ["b", "c", "b"]
        bought, reused = await stage.result("first"), await stage.result("second")
        assert (reused["cache"], reused["target"], reused["cost"]["usd"]) == ("hit", "c", 0)
        assert reused["completion"] == bought["completion"]
        lines = (await stage.document("second"))["attempts"]
        assert [(line["target"], line["outcome"]) for line in lines] == [
            ("b", "unpaid"), ("c", "not called"),
        ]  # fmt: skip

    play(scene, replies=[Reply("refused"), Reply(), Reply("refused")])


@pytest.mark.parametrize("mode", ["refresh", "off"])
def test_who_wants_a_new_answer_falls_to_another_target_for_one(mode: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("first", model="two")
        await stage.rest()
        await stage.ask("second", model="two", cache=mode)
        await stage.rest()
        assert [call.target for call in stage.world.ledger.calls] == ["b", "c", "b", "c"]

    play(scene, replies=[Reply("refused"), Reply(), Reply("refused")])


def test_two_followers_of_a_dead_leader_do_not_both_take_its_flight() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(2)
        for number in range(6):
            await stage.ask(f"f{number}")
        await asyncio.sleep(2)
        stage.caller().kill()
        await stage.rest()
        assert stage.calls() == 2

    for seed in range(10):
        play(scene, shape=Shape(ROUTES, seed=seed, instances=3), always=Reply(takes_s=20))


def test_an_expired_answer_is_asked_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("first")
        await stage.rest()
        await asyncio.sleep(30.5 * 24 * 3600)
        await stage.ask("second")
        await stage.rest()
        assert stage.calls() == 2
        await stage.ask("third")
        await stage.rest()
        assert (await stage.result("third"))["completion"]["text"].split("|")[3] == "call 1"

    play(scene)


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.LOST_RESPONSE, Fault.OVERLONG])
def test_a_lost_claim_on_a_cold_key_does_not_follow_itself(fault: Fault) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(45)
        assert (await stage.result("r"))["cache"] == "miss"
        assert stage.calls() == 1

    play(scene, plan=AtNamed({("store.commit", 1): fault}), shape=Shape(ROUTES, instances=1))


@pytest.mark.parametrize("seed", range(8))
def test_a_leader_that_slept_past_its_lease_before_its_call_does_not_call_beside_its_successor(
    seed: int,
) -> None:
    """Its flight was taken, but nobody took its request: it wakes up, and must not renew and call."""

    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(80)
        await stage.ask("other")
        await stage.rest()
        assert stage.calls() == 1

    # The leader's instance stands still for 100 s just after its claim.
    plan = AtNamed({("store.commit", 1): Fault.PAUSE_AFTER})
    play(scene, always=Reply(takes_s=8), plan=plan, shape=Shape(ROUTES, seed=seed, instances=3))
