"""Documents and blobs that cannot be read, or are gone: nobody waits for ever, nothing crashes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from penstock.ports import Put, Update
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

ALONE = Shape(ROUTES, seed=3, instances=1)


def test_a_request_whose_long_payload_is_gone_ends() -> None:
    """Given a bucket that answers "there is no such blob", waiting helps nobody: not past the deadline."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", "long " * 60_000, cache="off", max_wait_s=600)
        await asyncio.sleep(5)
        assert (await stage.document("r"))["state"] == "parked"
        await stage.world.blobs.delete("tenants/default/payloads/", timeout_s=5)
        await stage.rest()

    play(scene, replies=[Reply("throttled", 0.1, 60.0)], shape=ALONE, checked=False)


@pytest.mark.parametrize("state", ["of tomorrow", {"of": "tomorrow"}])
def test_a_leader_of_a_later_version_costs_the_follower_nothing_but_a_call(state: Any) -> None:
    """Given a leader's document that this version cannot read, I expect the question to be asked."""

    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(5)
        path = "tenants/default/requests/leader"
        [found] = await stage.world.store.read([path], timeout_s=5)
        tomorrow = Update(path, {"state": state, "write_id": "later"}, found.version)
        await stage.world.store.commit([tomorrow], timeout_s=5)
        await stage.ask("follower")
        await asyncio.sleep(30)
        letters = await stage.letters()
        await stage.world.store.commit([Put(path, dict(found.fields or {}))], timeout_s=5)
        assert letters == []
        assert (await stage.result("follower"))["status"] == "completed"

    play(scene, replies=[Reply("throttled", 0.1, 300.0)], shape=ALONE, checked=False)


def test_a_cache_document_that_cannot_be_read_is_a_miss() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("first")
        await stage.rest()
        key = (await stage.document("first"))["answer_key"]
        path = f"tenants/default/cache/{key}"
        [found] = await stage.world.store.read([path], timeout_s=5)
        fields = dict(found.fields or {}) | {"answer": {"of": "tomorrow"}}
        await stage.world.store.commit([Put(path, fields)], timeout_s=5)
        await stage.ask("second")
        await asyncio.sleep(60)
        assert stage.world.crashes == []
        assert (await stage.result("second"))["status"] == "completed"

    play(scene, shape=ALONE, checked=False)
