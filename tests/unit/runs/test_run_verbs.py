"""What the operator says to a run, and what a client gets wrong: through the topics' own doors."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from penstock.messages.envelope import format_time
from penstock.messages.parent import Parent
from penstock.messages.wake import KIND, MEMBER
from penstock.pause import PAUSE_PATH, Pause
from penstock.ports import Delete, Put
from penstock.runs.message import Verb
from tests.chaos.provider import Reply
from tests.chaos.run_stage import RUNS, ask, document, mapped, outcome, pipeline, rows, start, tell
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import TOPICS, Shape

ITEMS = [f"ticket {n}" for n in range(10)]
SLOW = Reply("ok", 30.0)


def test_cancelled_is_not_emitted_any_more_and_what_is_under_way_ends() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS, max_in_flight=4)
        await asyncio.sleep(10)
        await tell(stage.world, Verb.CANCEL, "r")
        await stage.rest()
        assert await outcome(stage, "r") == ("cancelled", "cancelled")
        [closed] = (await document(stage, "r"))["closed"]
        assert (closed["ok"], closed["pending"]) == (4, 6)
        assert stage.calls() == 4

    play(scene, shape=RUNS, always=SLOW)


def test_a_member_that_waits_when_its_run_ends_is_cancelled_unpaid_and_without_a_dead_letter() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS, max_in_flight=4)
        await asyncio.sleep(10)  # all four are throttled, and put aside for a minute
        await tell(stage.world, Verb.CANCEL, "r")
        await stage.rest()
        made = await rows(stage, "r")
        assert [row["error"]["reason"] for row in made] == ["cancelled"] * 4
        assert stage.calls() == 4
        assert await stage.letters() == []

    play(scene, shape=RUNS, always=Reply("throttled", 0.1, 60.0))


def test_a_cancelled_run_goes_on_in_its_next_generation_where_it_stopped() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS, mapped(), mapped("two"), max_in_flight=4)
        await asyncio.sleep(10)
        await tell(stage.world, Verb.CANCEL, "r")
        await stage.rest()
        await tell(stage.world, Verb.REDRIVE, "r", 1)
        await tell(stage.world, Verb.REDRIVE, "r", 3)  # names no next generation
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert (await document(stage, "r"))["generation"] == 1
        assert len(await rows(stage, "r")) == 10
        assert stage.calls() == 20, "what was done before was asked again"

    play(scene, shape=RUNS, always=SLOW)


def test_a_run_that_was_cancelled_when_its_step_was_whole_goes_on_with_the_next_one() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a", "b"], mapped(), mapped("two"))
        await asyncio.sleep(10)  # both are under way, and will be answered
        await tell(stage.world, Verb.CANCEL, "r")
        await stage.rest()
        assert await outcome(stage, "r") == ("cancelled", "cancelled")
        [closed] = (await document(stage, "r"))["closed"]
        assert (closed["ok"], closed["pending"]) == (2, 0)
        await tell(stage.world, Verb.REDRIVE, "r", 1)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert [stage["step"] for stage in (await document(stage, "r"))["closed"]] == [0, 1]
        assert stage.calls() == 4

    play(scene, shape=RUNS, always=SLOW)


def test_a_redrive_asks_again_about_what_failed_and_about_nothing_else() -> None:
    async def scene(stage: Stage) -> None:
        uncached = mapped(tolerated_failure_count=2, map={"request": ask(cache="off")})
        await start(stage.world, "r", ITEMS, uncached, max_in_flight=4)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert sum("error" in row for row in await rows(stage, "r")) == 1
        await tell(stage.world, Verb.REDRIVE, "r", 1)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        made = await rows(stage, "r")
        assert [row["id"] for row in made] == [str(n) for n in range(10)]
        assert not any("error" in row for row in made)
        assert stage.calls() == 11
        await tell(stage.world, Verb.REDRIVE, "r", 2)
        await stage.rest()
        assert (await document(stage, "r"))["generation"] == 1, "there was nothing left to do"

    play(scene, shape=RUNS, replies=[Reply("rejected", 0.1)])


def test_paused_by_the_operator_nothing_is_emitted_until_it_is_resumed() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS, max_in_flight=4)
        await asyncio.sleep(10)
        await tell(stage.world, Verb.PAUSE, "r")
        await asyncio.sleep(3000)
        assert stage.calls() == 4
        await tell(stage.world, Verb.RESUME, "r")
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")

    play(scene, shape=RUNS, always=SLOW)


def test_while_penstock_is_paused_no_page_is_emitted() -> None:
    async def scene(stage: Stage) -> None:
        paused = Pause(stage.world.clock.now(), "maintenance")
        await stage.world.store.commit([Put(PAUSE_PATH, paused.encode())], timeout_s=5)
        await start(stage.world, "r", ITEMS, max_in_flight=4)
        await asyncio.sleep(3000)
        assert (await document(stage, "r"))["stage"]["next_page"] == 0
        await stage.world.store.commit([Delete(PAUSE_PATH)], timeout_s=5)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")

    play(scene, shape=RUNS)


def test_a_run_past_its_deadline_ends_and_says_so() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS, max_in_flight=4, max_wait_s=100)
        await stage.rest()
        status, reason = await outcome(stage, "r")
        assert status == "failed"
        assert reason in ("deadline_exceeded", "too_many_failures")

    play(scene, shape=RUNS, always=Reply("ok", 50.0))


def test_the_same_run_twice_is_one_and_another_payload_is_a_conflict() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS)
        await start(stage.world, "r", ITEMS)
        await stage.rest()
        await start(stage.world, "r", ITEMS)
        await start(stage.world, "r", ["another"])
        await stage.rest()
        assert stage.calls() == 10
        assert await stage.letters() == ["conflict"]
        assert await outcome(stage, "r") == ("succeeded", "")

    play(scene, shape=RUNS)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"items": []}, "`items` must not be empty"),
        ({"items": [{"id": 1, "text": "a"}, {"id": "1", "text": "b"}]}, "Two `items` have the same id"),
        (
            {"pipeline": pipeline({"id": "m", "map": {"request": {"prompt": "x", "model": "nobody"}}})},
            "must be the alias of a route",
        ),
        ({"pipeline": {"name": "classify", "sha256": "a" * 64}}, "names none that is deployed here"),
    ],
)
def test_a_run_that_cannot_be_is_a_dead_letter_that_says_what_to_change(
    body: dict[str, object], says: str
) -> None:
    async def scene(stage: Stage) -> None:
        whole = {"run_id": "r", "pipeline": pipeline(), "items": ITEMS} | body
        await stage.world.bus.publish(TOPICS.runs, json.dumps(whole).encode(), {}, timeout_s=15)
        await stage.rest()
        [letter] = (await stage.evidence()).letters
        assert letter.attributes["reason"] == "malformed"
        assert says in letter.attributes["error"]

    play(scene, shape=RUNS)


async def _items_in_the_bucket(stage: Stage, data: bytes) -> dict[str, object]:
    ref = await stage.world.blobs.put("tenants/default/runs/in/items.jsonl", data, timeout_s=5)
    body = {"run_id": "r", "pipeline": pipeline(), "items_ref": ref.encode()}
    await stage.world.bus.publish(TOPICS.runs, json.dumps(body).encode(), {}, timeout_s=15)
    await stage.rest()
    return dict((await document(stage, "r"))["outcome"])


def test_items_come_from_a_file_in_the_bucket() -> None:
    async def scene(stage: Stage) -> None:
        data = b"".join(json.dumps({"text": item}).encode() + b"\r\n" for item in ITEMS)
        assert (await _items_in_the_bucket(stage, data))["status"] == "succeeded"
        assert len(await rows(stage, "r")) == 10

    play(scene, shape=RUNS)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "The run has no items"),
        (b'"a"\n{"half', "Line 2 of the items"),
        (b'{"id": 1}\n{"id": 1}\n', "Two items have the same id"),
    ],
)
def test_a_file_that_holds_no_items_ends_the_run_and_names_the_line(data: bytes, says: str) -> None:
    async def scene(stage: Stage) -> None:
        ended = await _items_in_the_bucket(stage, data)
        assert ended["status"] == "failed"
        assert says in str(ended["message"])
        assert stage.calls() == 0

    play(scene, shape=RUNS)


def test_nobody_but_a_run_makes_members() -> None:
    """Neither one that names no run, nor one that names a real run without its secret."""

    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS)
        await stage.rest()
        deadline = format_time(stage.world.clock.now() + timedelta(days=1))
        data = json.dumps({"prompt": "x", "deadline": deadline}).encode()
        for run_id in ("r", "nobody"):
            forged = Parent(run_id, 0, "0", 0, 77).attributes("default", "guessed")
            await stage.world.publish(data, forged)
        await stage.world.publish(data, {KIND: MEMBER, "request_id": "x~"})
        await stage.rest()
        assert stage.calls() == 10
        assert await stage.letters() == ["malformed"] * 3

    play(scene, shape=RUNS, checked=False)


def test_switched_off_a_member_is_refused_and_a_sweep_reads_nothing_more() -> None:
    async def scene(stage: Stage) -> None:
        parent = Parent("r", 0, "0", 0, 0).attributes("default", "guessed")
        await stage.world.publish(b'{"prompt": "x"}', parent)
        await stage.rest()
        [letter] = (await stage.evidence()).letters
        assert "runs switched off" in letter.attributes["error"]

    play(scene, shape=Shape(ROUTES, seed=1), checked=False)


async def _redrive_the_failed(stage: Stage) -> str:
    """Redrive the one member that has failed; its request_id."""
    evidence = await stage.evidence()
    [failed] = [
        fields["request_id"]
        for path, fields in evidence.documents.items()
        if "/requests/" in path and (fields.get("result") or {}).get("status") == "failed"
    ]
    original = next(one for one in evidence.published if one.attributes.get("request_id") == failed)
    again = {
        "penstock_kind": "redrive",
        "tenant": "default",
        "request_id": failed,
        "redrive_count": "1",
        "deadline": format_time(stage.world.clock.now() + timedelta(days=1)),
    }
    await stage.world.publish(original.data, again)
    return str(failed)


def test_a_member_that_is_redriven_after_its_page_closed_is_late() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS[:2], mapped(tolerated_failure_count=1))
        await stage.rest()
        before = await rows(stage, "r")
        failed = await _redrive_the_failed(stage)
        await stage.rest()
        assert (await stage.document(failed))["redrive_count"] == 1
        assert await rows(stage, "r") == before

    play(scene, shape=RUNS, replies=[Reply("rejected", 0.1)])


def test_a_member_that_is_redriven_while_its_page_is_open_is_waited_for() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ITEMS[:2], mapped(tolerated_failure_count=1))
        await asyncio.sleep(30)
        await _redrive_the_failed(stage)
        await stage.rest()
        assert not any("error" in row for row in await rows(stage, "r"))

    replies = [Reply("rejected", 0.1), Reply("ok", 50.0), Reply("ok", 58.0)]
    play(scene, shape=RUNS, replies=replies)
