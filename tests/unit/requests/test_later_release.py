"""What the next release writes, this one reads and leaves alone: a deploy goes instance by instance."""

from __future__ import annotations

import asyncio
from typing import Any

from penstock.ports import Update
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

ALONE = Shape(ROUTES, seed=3, instances=1)
PATH = "tenants/default/requests/r"
THROTTLED = Reply("throttled", 0.1, 300.0)


async def _write(stage: Stage, **fields: Any) -> None:
    """What an instance of the next release does to the document."""
    [found] = await stage.world.store.read([PATH], timeout_s=5)
    assert found.version is not None
    later = Update(PATH, {**fields, "write_id": "of-the-next-release"}, found.version)
    await stage.world.store.commit([later], timeout_s=5)


def test_a_request_in_a_state_of_a_later_release_is_left_alone() -> None:
    """Whatever comes for it, I expect no letter, no call and no write of a holder; another payload under its
    id is a conflict all the same."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        before = dict(await stage.document("r"))
        await _write(stage, state="of tomorrow", batch="b-1")
        await stage.ask("r", cache="off")
        await stage.wake("r", before["fence"])
        await asyncio.sleep(20)
        document = await stage.document("r")
        assert (await stage.letters(), stage.calls()) == ([], 1)
        assert (document["state"], document["batch"], document["fence"]) == (
            "of tomorrow",
            "b-1",
            before["fence"],
        )
        await stage.ask("r", "something else")
        await asyncio.sleep(20)
        assert await stage.letters() == ["conflict"]
        await _write(stage, state="parked")
        await stage.rest()
        assert (await stage.result("r"))["status"] == "completed"

    play(scene, replies=[THROTTLED], shape=ALONE, checked=False)


def test_the_sweeper_keeps_waking_what_a_later_release_works_on() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        await _write(stage, state="of tomorrow")
        await asyncio.sleep(1800)
        assert (await stage.document("r"))["sweeps"] > 1
        assert stage.log("sweep.unreadable") == []
        await _write(stage, state="parked")

    play(scene, replies=[THROTTLED], shape=ALONE, checked=False)


def test_a_redrive_of_what_a_later_release_works_on_comes_again() -> None:
    """Acked, it would be gone: its letter is, by then."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        before = dict(await stage.document("r"))
        await _write(stage, state="of tomorrow")
        await stage.redrive("r", 1, cache="off")
        await asyncio.sleep(5)
        gone_wrong = before["result"]
        assert gone_wrong["error"]["reason"] == "provider_rejected"
        await _write(stage, state="terminal")
        await stage.rest()
        assert (await stage.document("r"))["redrive_count"] == 1

    play(scene, replies=[Reply("rejected", 0.1)], shape=ALONE, checked=False)


def test_a_failure_for_a_reason_of_a_later_release_is_delivered_under_its_own_word() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        result = dict((await stage.document("r"))["result"])
        error = {"reason": "budget_exhausted", "message": "The budget is spent.", "retriable": True}
        again = stage.world.clock.now().isoformat().replace("+00:00", "Z")
        await _write(
            stage, result=result | {"error": error}, due_at=f"00:{again}", open_since=f"00:{again}",
            **dict.fromkeys(("confirmed_at", "expires_at"), None),
        )  # fmt: skip
        await stage.rest()
        assert (await stage.letters())[-1] == "budget_exhausted"
        assert (await stage.results("r"))[-1]["error"]["reason"] == "budget_exhausted"
        assert stage.world.crashes == []

    play(scene, replies=[Reply("rejected", 0.1)], shape=ALONE, checked=False)


def test_a_message_of_a_kind_that_only_a_later_release_knows_comes_again() -> None:
    """No prompt is made of it and no letter: an instance that knows the kind takes it."""

    async def scene(stage: Stage) -> None:
        await stage.world.publish(b"{}", {"penstock_kind": "cancel", "run_id": "r"})
        await asyncio.sleep(120)
        assert (await stage.letters(), stage.calls()) == ([], 0)
        assert len(stage.log("request.left")) > 1

    play(scene, shape=Shape(ROUTES, seed=3, instances=1, max_attempts=5), checked=False)


def test_a_follower_asks_alone_beside_a_leader_in_a_state_of_a_later_release() -> None:
    """Nobody of this release can say how long that flies; the flight stays the leader's."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(5)
        flight = (await stage.document("r"))["flight"]
        await _write(stage, state="of tomorrow")
        await stage.ask("follower")
        await asyncio.sleep(5)
        [cache] = await stage.world.store.read([f"tenants/default/cache/{flight}"], timeout_s=5)
        assert (cache.fields or {})["flight"] == PATH
        await asyncio.sleep(30)
        assert (await stage.result("follower"))["status"] == "completed"
        await _write(stage, state="parked")

    play(scene, replies=[THROTTLED, Reply("ok", 20.0)], shape=ALONE, checked=False)
