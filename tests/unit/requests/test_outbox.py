"""Saved implies published: results, dead letters, their confirmation, and redrives (§3.8, §2.4)."""

from __future__ import annotations

import asyncio

from penstock.messages.completion import BlobRef
from penstock.paths import sharded
from penstock.ports import Delete, Put, Update
from tests.chaos.faults import AtNamed, Fault, Unreachable
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

_REJECTED = Reply("rejected", 0.2)


def test_a_result_that_could_not_be_published_is_published_later() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(30)
        assert (await stage.document("r"))["state"] == "terminal"
        assert await stage.results("r") == []
        await stage.rest()
        assert len(await stage.results("r")) == 1
        assert stage.calls() == 1

    play(scene, plan=Unreachable("publish llm-responses", 0, 250))


def test_a_holder_that_dies_between_saving_and_publishing_loses_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert len(await stage.results("r")) == 1
        assert stage.calls() == 1

    play(scene, plan=AtNamed({("publish llm-responses", 1): Fault.KILL_BEFORE}))


def test_the_dead_letter_goes_out_before_the_failed_result() -> None:
    """Given a dead-letter topic out of reach, nobody may learn of a failure that cannot be redriven."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(100)
        assert await stage.results("r") == []
        await stage.rest()
        assert await stage.letters() == ["provider_rejected"]
        assert len(await stage.results("r")) == 1

    play(scene, always=_REJECTED, plan=Unreachable("publish llm-dead-letters", 0, 150))


def test_nothing_is_deleted_before_it_is_delivered() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(30)
        document = await stage.document("r")
        assert document["state"] == "terminal"
        assert "expires_at" not in document
        await stage.rest()
        assert "expires_at" in await stage.document("r")

    play(scene, plan=Unreachable("publish llm-responses", 0, 60))


def test_a_result_that_comes_twice_is_counted_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(200)

    play(scene, shape=Shape(ROUTES, duplicates=1.0, later_s=(0.0, 70.0)))


def test_a_confirmation_of_unknown_outcome_is_counted_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()

    for fault in (Fault.LOST_RESPONSE, Fault.OVERLONG, Fault.ERROR_BEFORE):
        play(scene, plan=AtNamed({("store.commit", 3): fault}))


def test_what_is_no_result_on_the_response_topic_becomes_a_dead_letter() -> None:
    async def scene(stage: Stage) -> None:
        await stage.world.bus.publish("llm-responses", b"{}", {}, timeout_s=5)
        await stage.rest()
        assert await stage.letters() == ["malformed"]

    play(scene, checked=False)  # the checker reads every message on the topic as a result


def test_a_redrive_gives_a_failed_request_another_life() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert await stage.reason("r") == "attempts_exhausted"
        await stage.redrive("r", 1)
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], result["redrive_count"]) == ("completed", 1)
        assert [body["redrive_count"] for body in await stage.results("r")] == [0, 1]

    play(scene, replies=[Reply("broken", 0.2)] * 6)


def test_a_redrive_brings_its_own_deadline() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=40)
        await stage.rest()
        assert await stage.reason("r") == "deadline_exceeded"
        await stage.redrive("r", 1, max_wait_s=40)
        await stage.rest()
        assert await stage.reason("r") is None

    play(scene, replies=[Reply("throttled", 0.1, 60.0)])


def test_a_redrive_that_is_parked_keeps_its_own_deadline() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=40)
        await stage.rest()
        await stage.redrive("r", 1, max_wait_s=40)
        await stage.rest()
        assert await stage.reason("r") is None

    play(scene, replies=[Reply("throttled", 0.1, 60.0), Reply("throttled", 0.1, 300.0)])


def test_what_has_a_result_is_never_redriven() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        await stage.redrive("r", 1)
        await stage.rest()
        assert stage.calls() == 1
        assert (await stage.result("r"))["redrive_count"] == 0

    play(scene)


def test_a_redrive_that_comes_twice_reopens_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        await stage.redrive("r", 1)
        await stage.redrive("r", 1)
        await stage.redrive("r", 7)
        await stage.rest()
        assert (await stage.result("r"))["redrive_count"] == 1
        assert stage.calls() == 2

    play(scene, always=_REJECTED)


def test_a_redrive_before_the_failure_is_confirmed_comes_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(5)
        await stage.redrive("r", 1)
        await stage.rest()
        assert (await stage.result("r"))["redrive_count"] == 1

    play(scene, replies=[_REJECTED], plan=Unreachable("publish llm-responses", 0, 30))


def test_a_stored_request_that_cannot_be_read_any_more_ends_internal() -> None:
    """Given a deploy that reads more strictly, a parked request must still come to an end."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        path = "tenants/default/requests/r"
        [found] = await stage.world.store.read([path], timeout_s=5)
        update = Update(path, {"payload": b'{"prompt": 7}'}, found.version)
        await stage.world.store.commit([update], timeout_s=5)
        await stage.rest()
        assert await stage.reason("r") == "internal"
        assert await stage.letters() == ["internal"]

    play(scene, replies=[Reply("throttled", 0.1, 60.0)], checked=False)  # the payload was tampered with


def test_one_document_that_cannot_be_read_does_not_stop_the_sweeper() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        since = sharded("default", "broken", stage.world.clock.now())
        broken = {"state": "of tomorrow", "due_at": since, "open_since": since}
        path = "tenants/default/requests/broken"
        await stage.world.store.commit([Put(path, broken)], timeout_s=5)
        await asyncio.sleep(200)
        assert (await stage.result("r"))["status"] == "completed"
        assert stage.world.crashes == []
        await stage.world.store.commit([Delete(path)], timeout_s=5)

    play(scene, replies=[Reply("throttled", 0.1, 60.0)])


def test_a_hundred_documents_that_cannot_be_read_keep_nobody_waiting() -> None:
    """Given a full batch of them (a rollback) due before a readable one, I expect it in the same sweep."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        since = sharded("default", "r", stage.world.clock.now())
        broken = {"state": "of tomorrow", "due_at": since, "open_since": since}
        await asyncio.sleep(60 - stage.world.now() % 60 + 5)  # just after a sweep; r is due at the next
        paths = [f"tenants/default/requests/broken-{number}" for number in range(100)]
        await stage.world.store.commit([Put(path, broken) for path in paths], timeout_s=5)
        await asyncio.sleep(3600)
        assert (await stage.document("r"))["state"] == "terminal"
        first, *later = [line for line in stage.log("sweep.finished") if line["unreadable"]]
        assert (first["unreadable"], first["woken"], first["failed"]) == (100, 1, 0)
        # They are looked at again, so that the next version finds them; a few times an hour, not each minute
        assert 0 < sum(line["unreadable"] for line in later) <= 400
        assert {line["path"] for line in stage.log("sweep.unreadable")} == set(paths)
        found = await stage.world.store.read(paths, timeout_s=5)
        assert {(one.fields or {})["due_at"][:3] for one in found} == {since[:3]}
        await stage.world.store.commit([Delete(path) for path in paths], timeout_s=5)

    play(scene, replies=[Reply("throttled", 0.1, 100.0)], shape=Shape(ROUTES, seed=3, instances=1))


def test_an_answer_set_aside_in_an_earlier_life_is_not_given_to_another_question() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        await asyncio.sleep(32 * 24 * 3600)
        await stage.ask("r", "another question", cache="off")
        await asyncio.sleep(3)
        stage.caller().kill()
        await stage.rest()
        assert (await stage.result("r"))["completion"]["text"].split("|")[3] == "call 2"

    replies = [Reply(), Reply(takes_s=20)]
    plan = Unreachable("store", 0.5, 90)
    play(scene, replies=replies, plan=plan, shape=Shape(ROUTES, instances=1), checked=False)


def test_who_publishes_again_gets_the_result_again_though_the_topic_hesitates() -> None:
    """§3.1: a new message id → publish the stored result again. Once confirmed, nobody else repeats it."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert len(await stage.results("r")) == 1
        await asyncio.sleep(1000 - stage.world.now())
        await stage.ask("r")
        await asyncio.sleep(3000)
        assert len(await stage.results("r")) == 2

    play(scene, plan=Unreachable("publish llm-responses", 999, 1060))


def test_a_late_copy_of_an_earlier_result_does_not_confirm_the_newer_one() -> None:
    """Given a result that nobody could publish yet, its predecessor's copy does not take it away."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        [old] = (await stage.evidence()).results
        await asyncio.sleep(100 - stage.world.now())
        await stage.redrive("r", 1)
        await asyncio.sleep(20)
        assert (await stage.document("r"))["state"] == "terminal"
        await stage.world.bus.publish("llm-responses", old.data, old.attributes, timeout_s=5)
        await asyncio.sleep(5)
        assert "confirmed_at" not in await stage.document("r")
        await stage.rest()
        assert [body["redrive_count"] for body in await stage.results("r")] == [0, 0, 1]

    play(scene, replies=[_REJECTED], plan=Unreachable("publish llm-responses", 100, 200))


def test_the_original_of_a_dead_letter_lies_in_the_bucket_when_it_is_too_long_for_a_message() -> None:
    async def scene(stage: Stage) -> None:
        original = b"{" * 9_500_000
        await stage.world.publish(original, {})
        await stage.rest()
        [letter] = (await stage.evidence()).letters
        assert (letter.attributes["reason"], letter.data) == ("malformed", b"")
        uri, sha256 = (letter.attributes[f"payload_{name}"] for name in ("uri", "sha256"))
        ref = BlobRef(uri, int(letter.attributes["payload_generation"]), sha256)
        assert await stage.world.blobs.get(ref, timeout_s=5) == original

    play(scene, checked=False)  # the checker looks for the bytes in the message
