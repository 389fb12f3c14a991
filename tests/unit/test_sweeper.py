"""The sweeper: everything that is due is woken, and what is woken in vain ever more rarely (§2.5, §3.8)."""

from __future__ import annotations

import asyncio
from itertools import count, islice

import pytest

from penstock.paths import sharded
from tests.chaos.faults import Unreachable
from tests.chaos.loop import EPOCH
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

ALONE = Shape(ROUTES, seed=3, instances=1)


def _ids_of_one_shard(number: int) -> list[str]:
    def shard(request_id: str) -> str:
        return sharded("default", request_id, EPOCH)[:2]

    names = (f"r{n}" for n in count())
    return list(islice((name for name in names if shard(name) == shard("r0")), number))


async def _wakes(stage: Stage) -> int:
    published = (await stage.evidence()).published
    return sum(carried.attributes.get("penstock_kind") == "wake" for carried in published)


@pytest.mark.slow
def test_one_sweep_wakes_all_that_is_due_though_one_shard_has_most_of_it() -> None:
    async def scene(stage: Stage) -> None:
        for request_id in _ids_of_one_shard(130):
            await stage.ask(request_id, cache="off")
        await asyncio.sleep(5)
        assert stage.calls() == 130
        stage.caller().kill()
        await stage.rest()
        assert [line["woken"] for line in stage.log("sweep.finished")][:1] == [130]

    play(scene, always=Reply(takes_s=10), shape=ALONE)


def test_nobody_is_woken_before_the_time_of_the_next_wake_is_written() -> None:
    """If it were the other way round, a store out of reach would have everybody woken each minute."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(250)
        assert len(stage.log("sweep.finished")) >= 3
        assert await _wakes(stage) == 0
        await stage.rest()
        assert await _wakes(stage) == 1
        assert stage.calls() == 2

    plan = Unreachable("store.commit", 30, 260)
    play(scene, replies=[Reply("throttled", 0.1, 30.0)], plan=plan, shape=ALONE)


def test_what_is_woken_in_vain_is_woken_ever_more_rarely() -> None:
    """A result that cannot be published waits a minute, then two, four and so on: 6 wakes in 63 minutes."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(3600)
        assert 4 <= await _wakes(stage) <= 7
        await stage.rest()
        assert len(await stage.results("r")) == 1

    play(scene, plan=Unreachable("publish llm-responses", 0, 3600), shape=ALONE)
