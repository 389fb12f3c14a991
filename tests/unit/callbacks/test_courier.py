"""Callbacks from a request's end to their endpoint: what a receiver sees, through the topics' own doors."""

from __future__ import annotations

import asyncio
import base64
import hmac
import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.callbacks.changes import owed
from penstock.callbacks.record import About, Kind
from penstock.callbacks.signing import key_of
from penstock.messages.addressee import Addressee
from penstock.paths import endpoint_path, time_of
from penstock.ports import Delete
from penstock.timing import Timing
from tests.chaos.callback_receiver import MASTER, Received
from tests.chaos.callback_stage import callbacks, calling_back, in_turn, reach, register, set_reach, switch_on
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import CRM

DAY_S = 24 * 3600.0


def _arrived(stage: Stage) -> list[Received]:
    return stage.world.receiver.arrived


async def _over(stage: Stage, within_s: float) -> None:
    assert await stage.world.rest(within_s), "the world does not come to rest"


def test_an_endpoint_is_told_of_a_result_once_and_signed() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM, metadata={"order": "17"})
        await stage.rest()
        [received] = _arrived(stage)
        result = await stage.result("r1")
        assert received.told == {
            "type": "request.completed",
            "timestamp": result["completed_at"],
            "data": result,
        }
        assert received.url == "https://crm.example.com/hooks"
        [callback] = await callbacks(stage)
        assert received.webhook_id == f"msg_{callback['callback_id']}"
        assert "r1" not in received.webhook_id
        assert _signatures(received) == [_expected(received, 1)]

    play(scene, shape=calling_back())


def _signatures(received: Received) -> list[str]:
    return [part.removeprefix("v1,") for part in received.headers["webhook-signature"].split(" ")]


def _expected(received: Received, version: int) -> str:
    key = base64.b64decode(key_of(MASTER, "default", "crm", version).removeprefix("whsec_"))
    signed = f"{received.webhook_id}.{received.headers['webhook-timestamp']}.".encode() + received.body
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def test_a_request_that_asks_for_none_has_none() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1")
        await stage.rest()
        assert (_arrived(stage), list(await callbacks(stage))) == ([], [])

    play(scene, shape=calling_back())


def test_a_failure_is_told_and_its_redrive_is_another_callback() -> None:
    """The first waits while the request is redriven: it tells of its own end all the same."""

    def receives(at: float) -> int:
        return 200 if at > 1500 else 503

    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM)
        await stage.world.rest(600)
        await stage.redrive("r1", 1, callback=CRM)
        await _over(stage, DAY_S)
        taken = [received for received in _arrived(stage) if received.status == 200]
        told = {(one.told["type"], one.told["data"]["redrive_count"]) for one in taken}
        assert told == {("request.failed", 0), ("request.completed", 1)}
        assert len({one.webhook_id for one in taken}) == 2

    play(scene, shape=calling_back(receives), replies=[Reply("rejected", 0.1)])


def test_what_fails_is_tried_again_by_the_schedule_under_the_same_id_with_a_time_of_its_own() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM)
        await _over(stage, DAY_S)
        arrived = _arrived(stage)
        assert [one.status for one in arrived] == [500, 302, None, 200]
        assert len({one.webhook_id for one in arrived}) == 1
        assert len({one.headers["webhook-timestamp"] for one in arrived}) == 4
        waits = [later.at - one.at for one, later in itertools.pairwise(arrived)]
        for wait, least in zip(waits, (5, 300, 1800), strict=True):
            assert least <= wait <= 1.1 * least + 75, waits
        [callback] = await callbacks(stage)
        assert (callback["state"], callback["tries"]) == ("delivered", 4)
        assert "failing_since" not in await reach(stage)

    play(scene, shape=calling_back(in_turn(500, 302, None)))


def test_what_nobody_takes_in_three_days_is_a_dead_letter_and_the_result_is_still_there() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM)
        await _over(stage, 5 * DAY_S)
        [callback] = await callbacks(stage)
        assert (callback["state"], callback["tries"]) == ("undeliverable", 10)
        assert len(_arrived(stage)) == 10
        took = callback["finished_at"] - callback["began_at"]
        assert timedelta(hours=75) < took < timedelta(hours=90)
        assert await stage.letters() == ["callback_undeliverable"]
        assert (await stage.result("r1"))["status"] == "completed"

    play(scene, shape=calling_back(lambda at: 500))


def test_an_endpoint_that_has_failed_for_five_days_is_switched_off() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        since = stage.world.clock.now() - timedelta(days=5, seconds=1)
        await set_reach(stage, failing_since=since)
        await stage.ask("r1", callback=CRM)
        await asyncio.sleep(60)
        assert (await reach(stage))["off_why"] == "Every attempt failed for 5 days."
        [said] = stage.log("endpoint.switched_off")
        assert (said["severity"], said["endpoint"]) == ("ERROR", "crm")
        assert len(_arrived(stage)) == 1
        await switch_on(stage)

    play(scene, shape=calling_back(in_turn(500)))


def test_an_endpoint_that_fails_for_less_is_not_and_a_success_begins_anew() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        since = stage.world.clock.now() - timedelta(days=4)
        await set_reach(stage, failing_since=since)
        await stage.ask("r1", callback=CRM)
        await stage.rest()
        assert await reach(stage) == {}

    play(scene, shape=calling_back(in_turn(500)))


def test_an_endpoint_that_is_switched_off_is_told_nothing_until_it_is_on_again() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await set_reach(stage, off_at=stage.world.clock.now(), off_why="It answered 410.")
        await stage.ask("r1", callback=CRM)
        await asyncio.sleep(7200)
        assert _arrived(stage) == []
        await switch_on(stage)
        await stage.rest()
        [callback] = await callbacks(stage)
        assert (callback["state"], callback["tries"]) == ("delivered", 1)

    play(scene, shape=calling_back())


def test_an_endpoint_that_says_410_is_switched_off_at_once() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM)
        await asyncio.sleep(600)
        assert (await reach(stage))["off_why"] == "It answered 410: it wants no more."
        assert len(_arrived(stage)) == 1
        await switch_on(stage)

    play(scene, shape=calling_back(in_turn(410)))


def test_an_endpoint_that_nobody_registered_is_refused_before_anything_is_paid() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", callback={"endpoint": "nobody"})
        await stage.ask("r2", callback={"url": "https://crm.example.com/hooks"})
        await stage.rest()
        assert (await stage.letters(), stage.calls()) == (["malformed", "malformed"], 0)

    play(scene, shape=calling_back(), checked=False)


def test_without_the_room_a_callback_is_refused_and_not_forgotten() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", callback=CRM)
        await stage.rest()
        assert (await stage.letters(), stage.calls()) == (["malformed"], 0)

    play(scene, checked=False)


def test_an_endpoint_that_is_taken_away_meanwhile_makes_a_dead_letter() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM)
        await asyncio.sleep(20)
        await stage.world.store.commit([Delete(endpoint_path("default", "crm"))], timeout_s=8)
        await _over(stage, DAY_S)
        assert await stage.letters() == ["callback_undeliverable"]

    play(scene, shape=calling_back(lambda at: 500))


def test_both_keys_sign_for_a_day_after_a_rotation() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world, version=2, rotated_at=stage.world.clock.now())
        await stage.ask("r1", callback=CRM)
        await stage.rest()
        await asyncio.sleep(DAY_S)
        await stage.ask("r2", callback=CRM)
        await stage.rest()
        one, other = _arrived(stage)
        assert _signatures(one) == [_expected(one, 2), _expected(one, 1)]
        assert _signatures(other) == [_expected(other, 2)]

    play(scene, shape=calling_back())


def test_a_long_answer_is_a_link() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM)
        await stage.rest()
        [received] = _arrived(stage)
        data = received.told["data"]
        assert len(received.body) < 20_000
        assert data["completion"] is None
        assert data["completion_url"].startswith("file://")

    for padding in (30_000, 300_000):
        play(scene, shape=calling_back(), always=Reply("ok", 0.1, padding=padding))


def test_who_dies_after_it_was_sent_leaves_one_that_is_sent_again_under_the_same_id() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM)
        await stage.rest()
        arrived = _arrived(stage)
        assert len(arrived) == 2
        assert len({(one.webhook_id, one.body) for one in arrived}) == 1

    play(scene, shape=calling_back(), plan=AtNamed({("callback", 1): Fault.KILL_AFTER}))


def test_nothing_is_lost_while_the_courier_is_down() -> None:
    """Its wake is lost with the process that was to publish it: the sweeper finds what is owed."""

    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM)
        await stage.rest()
        assert len(_arrived(stage)) == 1

    faults: dict[tuple[str, int], Fault] = {
        ("publish llm-callbacks", number): Fault.ERROR_BEFORE for number in (1, 2, 3)
    }
    play(scene, shape=calling_back(), plan=AtNamed(faults))


def test_an_id_that_is_used_again_has_another_callback() -> None:
    now = datetime.now(UTC)
    lives = [About(Kind.REQUEST, "r1", now - timedelta(days=days)) for days in (0, 0, 40)]
    made = [owed("t", Addressee("crm"), about, "completed", "", None, now, Timing()) for about in lives]
    assert [one.callback_id == made[0].callback_id for one in made] == [True, True, False]


def test_what_is_owed_is_looked_at_in_a_minute_whoever_loses_its_wake() -> None:
    now = datetime.now(UTC)
    about = About(Kind.REQUEST, "r1", now)
    callback = owed("t", Addressee("crm"), about, "completed", "", None, now, Timing())
    assert time_of(callback.due_at or "") == now + timedelta(seconds=60)
    assert time_of(callback.open_since or "") == now


def test_what_is_owed_lies_in_the_batch_that_confirms() -> None:
    """Whoever confirmed dies at once: what it owed is there."""

    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM)
        while "confirmed_at" not in await _document(stage):
            await asyncio.sleep(0.01)
        assert len(await callbacks(stage)) == 1
        await stage.rest()

    play(scene, shape=calling_back(), plan=AtNamed({("publish llm-callbacks", 1): Fault.KILL_BEFORE}))


async def _document(stage: Stage) -> Mapping[str, Any]:
    [found] = await stage.world.store.read(["tenants/default/requests/r1"], timeout_s=8)
    return found.fields or {}


def test_two_tenants_who_name_one_endpoint_have_one_each() -> None:
    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await stage.ask("r1", callback=CRM, tenant="acme")
        await stage.rest()
        assert await stage.letters() == ["malformed"]
        await register(stage.world, "acme")
        await stage.ask("r2", callback=CRM, tenant="acme")
        await stage.rest()
        [one] = _arrived(stage)
        assert _signatures(one) != [_expected(one, 1)], "another tenant's key"

    play(scene, shape=calling_back(), checked=False)


def test_workflows_of_our_own_project_are_answered_and_no_others() -> None:
    def url(project: str) -> str:
        return (
            f"https://workflowexecutions.googleapis.com/v1/projects/{project}/locations/europe-west1"
            "/workflows/feed/executions/0a-1b/callbacks/2c-3d"
        )

    async def scene(stage: Stage) -> None:
        for instance in stage.world.instances:
            instance.services = replace(instance.services, workflows=frozenset({"my-project-1"}))
        await stage.ask("r1", callback={"url": url("my-project-1")})
        await stage.ask("r2", callback={"url": url("theirs")})
        await stage.rest()
        [one] = _arrived(stage)
        assert (one.url, one.headers["authorization"]) == (url("my-project-1"), "Bearer simulated")
        assert await stage.letters() == ["malformed"]

    play(scene, shape=calling_back(), checked=False)


def test_an_execution_that_has_ended_is_given_up_at_once() -> None:
    async def scene(stage: Stage) -> None:
        for instance in stage.world.instances:
            instance.services = replace(instance.services, workflows=frozenset({"p1"}))
        body: dict[str, Any] = {
            "url": "https://workflowexecutions.googleapis.com/v1/projects/p1/locations/l/workflows/w"
            "/executions/e/callbacks/c"
        }
        await stage.ask("r1", callback=body)
        await stage.rest()
        assert len(_arrived(stage)) == 1
        assert await stage.letters() == ["callback_undeliverable"]

    play(scene, shape=calling_back(in_turn(404)), checked=False)
