"""One request and everything that may arrive about it. The checker of tests/chaos looks on at every end."""

from __future__ import annotations

import asyncio

from tests.chaos.faults import AtNamed, Fault, Unreachable
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape


def test_a_question_gets_its_answer_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert (await stage.result("r"))["status"] == "completed"
        assert stage.calls() == 1
        assert len(await stage.results("r")) == 1

    play(scene)


def test_a_redelivery_after_the_end_does_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(300)
        assert stage.calls() == 1
        assert len(await stage.results("r")) == 1

    play(scene, shape=Shape(ROUTES, duplicates=1.0, later_s=(70.0,)))


def test_two_deliveries_at_once_pay_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert stage.calls() == 1

    play(scene, shape=Shape(ROUTES, duplicates=1.0, later_s=(0.0,)))


def test_two_deliveries_to_one_instance_do_not_trust_each_other() -> None:
    """If the owner were the instance, the second delivery would take the first one's lease for its own."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert stage.calls() == 1

    for fault in (Fault.ERROR_BEFORE, Fault.LOST_RESPONSE, Fault.OVERLONG):
        for nth in (1, 2):
            shape = Shape(ROUTES, instances=1, duplicates=1.0, later_s=(0.0,))
            play(scene, plan=AtNamed({("store.commit", nth): fault}), shape=shape)


def test_publishing_again_brings_the_stored_result_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        await stage.ask("r")
        await stage.rest()
        assert stage.calls() == 1
        assert len(await stage.results("r")) == 2

    play(scene)


def test_another_payload_under_the_same_id_is_a_conflict_and_the_first_is_kept() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        first = await stage.result("r")
        await stage.ask("r", "something else")
        await stage.rest()
        assert await stage.letters() == ["conflict"]
        assert await stage.result("r") == first
        assert stage.calls() == 1

    play(scene)


def test_a_conflict_waits_for_the_dead_letter_topic() -> None:
    """Given a topic that is out of reach, the message is nacked and comes again: it is durable nowhere."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        await stage.ask("r", "something else")
        await stage.rest()
        assert "conflict" in await stage.letters()
        # Each delivery in vain tells the operator which topic, and why.
        told = stage.log("deadletter.unpublished")
        assert {(line["severity"], line["topic"]) for line in told} == {("ERROR", "llm-dead-letters")}
        assert all(line["reason"] and line["source_message_id"] for line in told)

    play(scene, plan=Unreachable("publish llm-dead", 0, 100))


def test_what_is_no_request_becomes_a_dead_letter_with_its_bytes() -> None:
    async def scene(stage: Stage) -> None:
        await stage.world.publish(b'{"prompt": 7}', {})
        await stage.rest()
        assert await stage.letters() == ["malformed"]
        assert stage.calls() == 0

    evidence = play(scene)
    assert [letter.data for letter in evidence.letters] == [b'{"prompt": 7}']


def test_a_retry_with_another_deadline_is_the_same_request() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=50)
        await stage.rest()
        await stage.ask("r", max_wait_s=5000)
        await stage.rest()
        assert await stage.letters() == []
        assert len(await stage.results("r")) == 2

    play(scene)


def test_while_the_store_is_out_of_reach_messages_come_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert (await stage.result("r"))["status"] == "completed"

    play(scene, plan=Unreachable("store", 0, 200))


def test_long_payloads_and_long_answers_lie_in_the_bucket() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", "y" * 300_000)
        await stage.rest()
        document, result = await stage.document("r"), await stage.result("r")
        assert "payload" not in document
        assert document["payload_ref"]["uri"].startswith("file:")
        assert result["completion"] is None
        assert result["completion_ref"]["sha256"]

    play(scene, always=Reply(padding=300_000))


def test_an_id_is_free_again_after_its_retention_and_the_fence_goes_on() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        await asyncio.sleep(32 * 24 * 3600)
        await stage.ask("r", "after a month", cache="off")
        await asyncio.sleep(60)
        document = await stage.document("r")
        assert document["fence"] == 2
        assert stage.calls() == 2
        assert len(await stage.results("r")) == 2

    play(scene, checked=False)  # two lives under one id: the checker knows of one
