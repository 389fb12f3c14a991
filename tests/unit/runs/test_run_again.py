"""A run that meets what was there before it: an old life of its id, another deployment, a step half done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from penstock.paths import request_path, run_path
from penstock.ports import Delete, Merge
from penstock.runs.message import Verb
from tests.chaos.provider import Reply
from tests.chaos.run_stage import RUNS, ask, document, mapped, outcome, rows, start, tell
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES

SAID = mapped(map={"request": ask(), "as": "said"})
SPLIT = {"id": "cut", "split": {"field": "text", "max_tokens": 1}, "tolerated_failure_count": 1}


async def _past_their_retention(stage: Stage, run_id: str) -> None:
    """The run and its members are kept no longer; Firestore has not deleted them yet."""
    store, past = stage.world.store, stage.world.clock.now() - timedelta(seconds=1)
    members = [row["request_id"] for row in await rows(stage, run_id)]
    paths = [run_path("default", run_id), *(request_path("default", member) for member in members)]
    await store.commit([Merge(path, {"expires_at": past}) for path in paths], timeout_s=8)


def test_an_id_that_comes_again_after_its_retention_is_asked_anew() -> None:
    async def scene(stage: Stage) -> None:
        for items in (["a", "b"], ["c", "d"]):
            await start(stage.world, "r", items, SAID)
            await stage.rest()
            assert await outcome(stage, "r") == ("succeeded", ""), await document(stage, "r")
            assert [row["item"]["text"] for row in await rows(stage, "r")] == items
            await _past_their_retention(stage, "r")
        assert stage.calls() == 4

    play(scene, shape=RUNS, checked=False)


def test_an_id_whose_run_is_deleted_before_its_pages_and_members_is_asked_anew() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a", "b"], SAID)
        await stage.rest()
        await _past_their_retention(stage, "r")
        await stage.world.store.commit([Delete(run_path("default", "r"))], timeout_s=8)

        await start(stage.world, "r", ["c", "d"], SAID)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert [row["item"]["text"] for row in await rows(stage, "r")] == ["c", "d"]
        assert stage.calls() == 4, "an answer of the run before was taken for one of this"

    play(scene, shape=RUNS, checked=False)


def test_a_split_in_which_an_item_failed_is_redriven_as_a_whole() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["One two three four.", {"no": "text"}], SPLIT)
        await stage.rest()
        before = await rows(stage, "r")
        assert len(before) > 2
        await tell(stage.world, Verb.REDRIVE, "r", 1)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert await rows(stage, "r") == before

    play(scene, shape=RUNS)


def test_a_model_that_a_deploy_took_away_fails_its_members_and_the_run_ends() -> None:
    async def scene(stage: Stage) -> None:
        step = mapped(map={"request": ask(model="other")}, tolerated_failure_count=5)
        await start(stage.world, "r", ["a", "b", "c", "d"], step, max_in_flight=1)
        await asyncio.sleep(10)
        for instance in stage.world.instances:
            _take_away(instance.services, "other")
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert len(await rows(stage, "r")) == 4
        errors = [row["error"]["reason"] for row in await rows(stage, "r") if "error" in row]
        assert set(errors) == {"internal"}

    routes = replace(ROUTES, routes={**ROUTES.routes, "other": ROUTES.routes[ROUTES.default]})
    play(scene, shape=replace(RUNS, routes=routes), always=Reply("ok", 20.0), checked=False)


def _take_away(services: Any, alias: str) -> None:
    object.__setattr__(services, "routes", ROUTES)
    assert alias not in services.routes.routes


def test_a_run_that_is_redriven_as_soon_as_it_is_cancelled_is_asked_by_who_has_seen_its_end() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a", "b"], max_in_flight=1)
        await asyncio.sleep(5)  # the first is throttled, and put aside for a few seconds
        await tell(stage.world, Verb.CANCEL, "r")
        while (await document(stage, "r"))["state"] != "done":
            await asyncio.sleep(0.1)
        await tell(stage.world, Verb.REDRIVE, "r", 1)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert [("error" in row) for row in await rows(stage, "r")] == [False, False]

    play(scene, shape=replace(RUNS, instances=1), replies=[Reply("throttled", 0.1, 14.0)])
