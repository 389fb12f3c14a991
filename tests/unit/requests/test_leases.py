"""Leases, fences and answers that get lost on the way (docs/design.md §3.1 to §3.4, §3.7, §3.9)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product

import pytest

from penstock.errors import WriteRefused
from penstock.ports import Committed, Delete, Snapshot, Write
from penstock.targets.routes import Route, Routes
from tests.chaos.adapters import SimStore
from tests.chaos.faults import AtNamed, Fault, Unreachable
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

ALONE = Shape(ROUTES, seed=3, instances=1)


def _routes(timeout_s: float) -> Routes:
    """One target that may take its time."""
    target = ROUTES.routes["one"].targets[0].model_copy(update={"timeout_s": timeout_s})
    return Routes("one", {"one": Route(targets=[target])})


def test_a_dead_holder_is_replaced_after_its_lease_and_not_before() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        stage.caller().kill()
        await asyncio.sleep(59)
        assert (await stage.document("r"))["fence"] == 1
        await stage.rest()
        document = await stage.document("r")
        assert document["fence"] == 2
        assert stage.calls() == 2  # the first is the one that the death cut off
        assert document["attempts"][0]["outcome"] == "unknown"

    play(scene, always=Reply(takes_s=10), shape=ALONE)


def test_a_live_holder_keeps_its_lease_through_a_call_that_is_longer_than_it() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", model="one", cache="off")
        await stage.rest()
        assert stage.calls() == 1
        assert (await stage.document("r"))["fence"] == 1

    shape = Shape(_routes(300), duplicates=1.0, later_s=(70.0, 100.0))
    play(scene, always=Reply(takes_s=200), shape=shape)


def test_a_redelivery_that_meets_a_live_lease_is_acked() -> None:
    """If it were nacked it would spend a delivery attempt: five of them and Pub/Sub gives the message up."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        for _ in range(8):
            await asyncio.sleep(1)
            await stage.ask("r", cache="off")
            assert await stage.world.bus.waiting("requests") <= 2
        await stage.rest()
        assert stage.calls() == 1
        assert await stage.letters() == []

    play(scene, always=Reply(takes_s=20), shape=Shape(ROUTES, max_attempts=5))


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.LOST_RESPONSE, Fault.OVERLONG])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_claim_and_a_save_of_unknown_outcome_are_looked_up_and_not_paid_again(
    fault: Fault, nth: int
) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(50)
        document = await stage.document("r")
        assert document["state"] == "terminal"
        assert document["fence"] == 1  # nobody had to take it over
        assert stage.calls() == 1

    play(scene, plan=AtNamed({("store.commit", nth): fault}), shape=ALONE)


def test_a_sleeper_that_was_replaced_writes_nothing_more() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        stage.caller().pause(150.0)
        await stage.rest()
        await asyncio.sleep(200)
        assert stage.calls() == 2
        assert (await stage.result("r"))["completion"]["text"].split("|")[3] == "call 1"

    play(scene, always=Reply(takes_s=10), shape=Shape(ROUTES, seed=3, instances=2))


def test_a_sleeper_that_learns_of_its_loss_while_renewing_parks_nothing() -> None:
    """Given a renewal that found another holder's document, its version must not carry the next write."""

    async def scene(stage: Stage, pause_s: float) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(10)
        stage.caller().pause(pause_s)
        await stage.rest()

    # The late copy may go to the other instance, which takes over; the sleeper wakes up between two of its
    # renewals, learns of it by its own, and then wants to park. The checker sees who wrote under which fence.
    replies = [Reply("throttled", 105.0, retry_after_s=1000.0), Reply(takes_s=60)]
    for seed, pause_s in product(range(6), (84.0, 88.0, 92.0, 95.0)):
        shape = Shape(_routes(300), seed=seed, instances=2, duplicates=1.0, later_s=(70.0,))
        play(partial(scene, pause_s=pause_s), replies=replies, shape=shape)


def test_a_holder_that_slept_through_its_lease_starts_no_call() -> None:
    """Between the claim and the call it stood still; the lease is looked at just before the socket."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(200)
        assert stage.calls() == 1

    plan = AtNamed({("store.commit", 1): Fault.PAUSE_AFTER})
    shape = Shape(ROUTES, seed=1, instances=2, duplicates=1.0, later_s=(70.0,))
    play(scene, plan=plan, shape=shape)


def test_a_renewal_counts_from_before_it_was_sent() -> None:
    """§3.4: who stood still while the store's answer was under way has no lease left, and starts no call."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        while not stage.world.tap.written:
            await asyncio.sleep(0.001)
        claimed = stage.world.tap.written[0].by.split("/")[0]
        [holder] = [instance for instance in stage.world.instances if instance.name == claimed]
        holder.pause(45.0)  # so little is left of the lease that it is renewed before the call
        await asyncio.sleep(140)
        assert stage.calls() == 1  # its successor's
        await stage.rest()
        assert stage.calls() == 1

    plan = AtNamed({("store.commit", 2): Fault.PAUSE_AFTER})
    play(scene, always=Reply(takes_s=50), plan=plan, shape=Shape(ROUTES, seed=1, instances=5))


class _Narrow(SimStore):
    """A store whose documents may be no longer than `LIMIT` characters."""

    LIMIT = 100_000

    async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> Committed:
        if any(len(str(write.fields)) > self.LIMIT for write in writes if not isinstance(write, Delete)):
            raise WriteRefused("simulated: a document is too long")
        return await super().commit(writes, timeout_s=timeout_s)


def test_an_answer_that_makes_the_document_too_long_goes_to_the_bucket() -> None:
    """The store will never take it as it is: given one that refuses, I expect a reference, and one call."""

    async def scene(stage: Stage) -> None:
        [only] = stage.world.instances
        only.services = replace(only.services, store=_Narrow(stage.world.store, only, stage.world.tap))
        await stage.ask("first")
        await asyncio.sleep(30)
        result = await stage.result("first")
        assert result["completion"] is None
        assert result["completion_ref"]["sha256"]
        await stage.ask("second")
        await stage.rest()
        assert (await stage.result("second"))["completion_ref"] == result["completion_ref"]
        assert stage.calls() == 1

    play(scene, always=Reply(padding=150_000), shape=ALONE)


def test_an_answer_that_the_store_will_not_take_waits_in_the_bucket() -> None:
    """Given a store that is out of reach from the answer on, I expect that nothing is paid again."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert (await stage.result("r"))["status"] == "completed"
        assert stage.calls() == 1

    play(scene, plan=Unreachable("store", 0.5, 90), shape=ALONE)


def test_a_long_answer_is_not_paid_again_because_the_bucket_hesitates() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert (await stage.result("r"))["completion_ref"] is not None
        assert stage.calls() == 1

    hesitates = AtNamed({("blobs.put", nth): Fault.ERROR_BEFORE for nth in range(1, 6)})
    play(scene, always=Reply(padding=300_000), plan=hesitates, shape=ALONE)


def test_an_orphaned_answer_is_used_by_the_next_holder() -> None:
    """The sleeper's answer was paid for: a successor that dies too leaves it to the third holder."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(3)
        stage.caller().pause(140.0)
        await asyncio.sleep(150)
        assert stage.calls() == 2
        stage.caller().kill()  # in its call, and the sleeper has left its orphan
        await stage.rest()
        assert stage.calls() == 2
        assert (await stage.result("r"))["completion"]["text"].split("|")[3] == "call 0"

    replies = [Reply(takes_s=5), Reply(takes_s=100)]
    play(scene, replies=replies, shape=Shape(_routes(300), seed=3, instances=2))


def test_an_orphan_that_comes_while_the_successor_is_put_aside_is_used_too() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(3)
        stage.caller().pause(140.0)
        await asyncio.sleep(125)
        assert (await stage.document("r"))["state"] == "parked"  # the successor was throttled
        await stage.rest()
        assert (await stage.result("r"))["completion"]["text"].split("|")[3] == "call 0"
        assert stage.calls() == 2

    replies = [Reply(takes_s=5), Reply("throttled", 0.1, 60.0)]
    play(scene, replies=replies, shape=Shape(_routes(300), seed=3, instances=2))


def test_an_orphan_of_an_earlier_life_is_not_the_answer_of_a_redrive() -> None:
    """The client has been told that the first life failed; what is redriven is asked anew."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(3)
        stage.caller().pause(200.0)
        await asyncio.sleep(157)
        assert await stage.reason("r") == "provider_rejected"  # by its successor
        await asyncio.sleep(60)  # and the sleeper has left its orphan
        await stage.redrive("r", 1, cache="off")
        await stage.rest()
        assert (await stage.result("r"))["completion"]["text"].split("|")[3] == "call 2"
        assert len(await orphans(stage)) == 1

    async def orphans(stage: Stage) -> list[Snapshot]:
        path = "tenants/default/requests/r/orphans"
        return await stage.world.store.scan(path, after="", limit=10, timeout_s=5)

    replies = [Reply(takes_s=5), Reply("rejected", 0.2)]
    play(scene, replies=replies, shape=Shape(_routes(300), seed=3, instances=2))


def test_three_holders_that_disappear_end_the_request() -> None:
    """A reply that kills whoever reads it is not paid for ever."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert await stage.reason("r") == "internal"
        assert stage.calls() == 3
        assert await stage.letters() == ["internal"]

    deaths = AtNamed({("provider.complete", nth): Fault.KILL_AFTER for nth in range(1, 10)})
    play(scene, plan=deaths, shape=ALONE)


def test_a_successor_that_cannot_look_for_the_answer_waits_and_pays_nothing() -> None:
    """The bucket may hold it. Given ten minutes without one, three lost leases must not end it either."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        stage.caller().kill()
        await asyncio.sleep(600)
        assert stage.calls() == 1
        await stage.rest()
        assert await stage.reason("r") is None
        assert stage.calls() == 2

    play(scene, replies=[Reply(takes_s=20)], plan=Unreachable("blobs", 0, 700), shape=ALONE)


def test_sigterm_starts_no_call_and_the_next_instance_answers() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.instances[0].services.draining.set()
        await stage.ask("r", cache="off")
        await asyncio.sleep(10)
        assert stage.calls() == 0
        assert (await stage.document("r"))["state"] == "parked"
        stage.world.instances[0].services.draining.clear()
        await stage.rest()
        assert stage.calls() == 1

    play(scene, shape=ALONE)


def test_a_call_that_sigterm_cuts_off_is_recorded_and_released_at_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(3)
        services = stage.world.instances[0].services
        services.draining.set()
        for delivery in services.deliveries:
            delivery.reschedule(asyncio.get_running_loop().time())
        await asyncio.sleep(1)
        document = await stage.document("r")
        assert document["state"] == "parked"
        assert document["attempts"][0]["outcome"] == "ambiguous"
        assert document["tries"] == 1
        services.draining.clear()
        await stage.rest()
        assert stage.calls() == 2

    play(scene, replies=[Reply(takes_s=50)], shape=ALONE, checked=False)  # the checker sees no SIGTERM


def test_a_wake_with_an_old_fence_does_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        await stage.wake("r", fence=7)
        await stage.wake("nobody", fence=1)
        await asyncio.sleep(30)
        assert (await stage.document("r"))["state"] == "parked"
        await stage.rest()

    play(scene, replies=[Reply("throttled", 0.1, 300.0)], shape=ALONE)
