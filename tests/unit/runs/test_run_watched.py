"""What a run tells those who watch it: the log lines that metrics, alerts and charts are made of."""

from __future__ import annotations

import asyncio

from penstock.runs.message import Verb
from tests.chaos.provider import Reply
from tests.chaos.run_stage import RUNS, mapped, start, tell
from tests.chaos.stage import Stage, play


def test_a_run_says_when_it_begins_what_its_pages_bring_and_how_it_ends() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a", "b", "c"], mapped(tolerated_failure_count=1), max_in_flight=2)
        await stage.rest()
        assert [line["run_id"] for line in stage.log("run.started")] == ["r"]
        pages = [(line["ok"], line["failed"], line["pending"]) for line in stage.log("page.closed")]
        assert sorted(pages) == [(1, 0, 0), (1, 1, 0)]
        [ended] = stage.log("run.finished")
        assert (ended["status"], ended["ok"], ended["failed"], ended["pending"]) == ("succeeded", 2, 1, 0)
        assert (ended["cost_usd"], ended["cost_unknown"]) == (0, 2)
        assert ended["seconds"] >= 1

    play(scene, shape=RUNS, replies=[Reply("rejected", 0.2), Reply("ok", 1.0)])


def test_a_run_in_which_nothing_moves_says_for_how_long_and_is_no_open_request() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a", "b"], max_in_flight=1)
        await asyncio.sleep(1)
        await tell(stage.world, Verb.PAUSE, "r")
        await asyncio.sleep(3600)
        silent = [line["silent_s"] for line in stage.log("run.waiting")]
        assert len(silent) >= 4
        assert silent == sorted(silent)
        assert 1800 < silent[-1] < 4500
        assert stage.log("sweep.finished")[-1]["oldest_open_s"] == 0, "the run is no request that is late"
        await tell(stage.world, Verb.RESUME, "r")
        await stage.rest()

    play(scene, shape=RUNS)
