"""Findings of a review that are not mended yet."""

from __future__ import annotations

import asyncio

from penstock.ports import Put
from penstock.providers.keys import SecretManagerKey
from penstock.rules.keys import sharded
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

ALONE = Shape(ROUTES, seed=3, instances=1)


def test_a_first_targets_retry_after_is_honoured_though_there_is_a_second() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", model="two", cache="off")
        await stage.rest()
        asked = [call.at for call in stage.world.ledger.calls if call.target == "b"]
        assert len(asked) < 2 or asked[1] - asked[0] >= 290

    replies = [Reply("throttled", 0.1, 290.0), *[Reply("throttled", 0.1)] * 3]
    play(scene, replies=replies, shape=ALONE)


def test_many_documents_that_cannot_be_read_do_not_starve_their_shard() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        since = sharded("default", "r", stage.world.clock.now())
        broken = {"state": "of tomorrow", "due_at": since, "open_since": since}
        writes = [Put(f"tenants/default/requests/broken-{number}", broken) for number in range(100)]
        await stage.world.store.commit(writes, timeout_s=5)
        await asyncio.sleep(3600)
        document = await stage.document("r")
        await stage.world.store.commit(
            [Put(write.path, {"state": "of tomorrow"}) for write in writes], timeout_s=5
        )
        assert document["state"] == "terminal"

    play(scene, replies=[Reply("throttled", 0.1, 60.0)], shape=ALONE, checked=False)


async def test_one_refused_key_is_fetched_once_for_all_who_used_it() -> None:
    """Given 50 calls refused with 401 at once and a secret that has not changed, I expect one fetch."""
    fetches = 0

    class Counted(SecretManagerKey):
        async def _fetch(self) -> str:
            nonlocal fetches
            fetches += 1
            await asyncio.sleep(0)
            return "the same"

    key = Counted("projects/p/secrets/s")
    await key.value()
    await asyncio.gather(*(key.reload() for _ in range(50)))
    assert fetches == 2
