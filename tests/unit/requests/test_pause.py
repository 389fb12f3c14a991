"""While the operator has paused: everything is durable, nothing new is called; then it is answered."""

from __future__ import annotations

import asyncio

from penstock.pause import PAUSE_PATH, Pause
from penstock.ports import Delete, Put
from tests.chaos.faults import AtNamed, Fault, Unreachable
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

#: A pause is seen by everybody after this.
SEEN_S = 10.0


async def pause(stage: Stage) -> None:
    made = Pause(stage.world.clock.now(), "the bill")
    await stage.world.store.commit([Put(PAUSE_PATH, made.encode())], timeout_s=8)


async def resume(stage: Stage) -> None:
    await stage.world.store.commit([Delete(PAUSE_PATH)], timeout_s=8)


def test_paused_work_is_parked_and_answered_after_the_pause() -> None:
    async def scene(stage: Stage) -> None:
        await pause(stage)
        for name in ("a", "b", "c"):
            await stage.ask(name, said=name)
        await asyncio.sleep(SEEN_S)
        assert await stage.world.bus.waiting("requests") == 0  # acked: no delivery attempt is spent
        assert {(await stage.document(name))["state"] for name in ("a", "b", "c")} == {"parked"}
        await asyncio.sleep(3600)
        assert stage.calls() == 0
        await resume(stage)
        await stage.rest()
        assert {(await stage.result(name))["status"] for name in ("a", "b", "c")} == {"completed"}
        assert stage.calls() == 3

    play(scene)


def test_what_a_pause_holds_back_counts_no_call() -> None:
    async def scene(stage: Stage) -> None:
        await pause(stage)
        await stage.ask("r", cache="off")
        await asyncio.sleep(300)
        held = await stage.document("r")
        assert (held["calls"], held["attempts"][-1]["outcome"]) == (0, "not called")
        await resume(stage)
        await stage.rest()
        assert (await stage.result("r"))["attempts"] == 1

    play(scene)


def test_instances_that_have_been_answering_see_a_pause_in_time() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(4):
            await stage.ask(f"before-{number}", cache="off")
        await stage.rest()
        await pause(stage)
        await asyncio.sleep(SEEN_S)
        for number in range(4):
            await stage.ask(f"after-{number}", cache="off")
        await asyncio.sleep(600)
        assert stage.calls() == 4
        await resume(stage)

    play(scene)


def test_what_is_in_flight_ends() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(3)
        await pause(stage)
        await asyncio.sleep(60)
        assert (await stage.result("r"))["status"] == "completed"
        await resume(stage)

    play(scene, always=Reply(takes_s=20))


def test_what_was_parked_before_is_not_called_in_a_pause() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        assert stage.calls() == 1
        await pause(stage)
        await asyncio.sleep(7200)
        assert stage.calls() == 1
        await resume(stage)
        await stage.rest()
        assert stage.calls() == 2

    play(scene, replies=[Reply("throttled", 0.1, 120.0)])


def test_a_redrive_is_held_back_too() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert await stage.reason("r") == "content_refused"
        await pause(stage)
        await asyncio.sleep(SEEN_S)
        await stage.redrive("r", 1)
        await asyncio.sleep(300)
        document = await stage.document("r")
        assert (document["state"], document["redrive_count"]) == ("parked", 1)
        assert stage.calls() == 1
        await resume(stage)
        await stage.rest()
        assert (await stage.result("r"))["redrive_count"] == 1

    play(scene, replies=[Reply("filtered", 0.2)])


def test_the_cache_answers_in_a_pause() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("first")
        await stage.rest()
        await pause(stage)
        await asyncio.sleep(SEEN_S)
        await stage.ask("second")
        await asyncio.sleep(30)
        assert (await stage.result("second"))["cache"] == "hit"
        assert stage.calls() == 1
        await resume(stage)

    play(scene)


def test_followers_get_the_answer_of_a_leader_that_ends_in_a_pause() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(2)
        await stage.ask("follower")
        await asyncio.sleep(2)
        await pause(stage)
        await asyncio.sleep(120)
        assert (await stage.result("follower"))["cache"] == "coalesced"
        assert stage.calls() == 1
        await resume(stage)

    play(scene, always=Reply(takes_s=30))


def test_identical_questions_of_a_pause_are_one_call_after_it() -> None:
    async def scene(stage: Stage) -> None:
        await pause(stage)
        for number in range(5):
            await stage.ask(f"r{number}")
        await asyncio.sleep(300)
        await resume(stage)
        await stage.rest()
        assert stage.calls() == 1

    play(scene)


def test_a_deadline_in_a_pause_is_a_failure_that_was_never_paid() -> None:
    async def scene(stage: Stage) -> None:
        await pause(stage)
        await stage.ask("r", max_wait_s=120)
        await stage.rest()
        assert await stage.reason("r") == "deadline_exceeded"
        assert stage.calls() == 0
        await resume(stage)

    play(scene)


def test_a_taken_over_request_keeps_its_history_through_a_pause() -> None:
    """Three holders that die end a request, however often a pause came between them."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        for _ in range(2):
            await asyncio.sleep(30)
            await pause(stage)
            await asyncio.sleep(200)
            document = await stage.document("r")
            assert document["state"] == "parked"
            assert document["takeovers"] >= 1
            await resume(stage)
        await stage.rest()
        assert await stage.reason("r") == "internal"
        assert stage.calls() == 3

    deaths = AtNamed({("provider.complete", nth): Fault.KILL_AFTER for nth in range(1, 10)})
    play(scene, plan=deaths, shape=Shape(ROUTES, seed=3, instances=1))


def test_a_claim_of_unknown_outcome_in_a_pause_is_found_again() -> None:
    async def scene(stage: Stage) -> None:
        await pause(stage)
        await stage.ask("r")
        await asyncio.sleep(60)
        document = await stage.document("r")
        assert (document["state"], document["fence"]) == ("parked", 1)
        await resume(stage)

    for fault in (Fault.ERROR_BEFORE, Fault.LOST_RESPONSE, Fault.OVERLONG):
        play(scene, plan=AtNamed({("store.commit", 1): fault}), shape=Shape(ROUTES, seed=3, instances=1))


def test_a_claim_does_not_wait_for_the_look_at_the_pause_but_a_call_does() -> None:
    """Given an instance that knows nothing of a pause, I expect its work durable at once, and no call on
    suspicion: where the look stays unanswered the request is put aside for a moment."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(2)
        assert (await stage.document("r"))["state"] == "leased"
        await asyncio.sleep(8)
        document = await stage.document("r")
        assert (document["state"], document["calls"], stage.calls()) == ("parked", 0, 0)
        await stage.rest()
        assert (await stage.result("r"))["status"] == "completed"
        assert stage.calls() == 1

    late = AtNamed({("store.read", 1): Fault.OVERLONG})
    play(scene, plan=late, shape=Shape(ROUTES, seed=3, instances=1))


def test_a_store_that_does_not_answer_changes_nothing_about_a_pause() -> None:
    """Given a pause that is known, I expect no call while nobody can read whether it still holds."""

    async def scene(stage: Stage) -> None:
        await pause(stage)
        await stage.ask("first", cache="off")
        await asyncio.sleep(60)
        await stage.ask("second", cache="off")
        await asyncio.sleep(300)
        assert stage.calls() == 0
        await resume(stage)

    play(scene, plan=Unreachable("store.read", 20, 120))


def test_the_longer_a_pause_has_lasted_the_rarer_its_requests_look_again() -> None:
    async def scene(stage: Stage) -> None:
        await pause(stage)
        await stage.ask("r", max_wait_s=48 * 3600)
        await asyncio.sleep(24 * 3600)
        assert (await stage.document("r"))["fence"] < 24 * 5
        await resume(stage)
        await asyncio.sleep(20 * 60)
        assert (await stage.result("r"))["status"] == "completed"

    play(scene)
