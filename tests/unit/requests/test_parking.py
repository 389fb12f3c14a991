"""What is put aside comes back ever more seldom, and says what it really waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from penstock.requests.record import Record
from penstock.targets.breaker import THRESHOLD
from tests.chaos.provider import Kind, Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

ALONE = Shape(ROUTES, seed=3, instances=1)
HERD = 60


def waits(stage: Stage, request_id: str) -> list[float]:
    """Seconds for which a request was put aside, each time."""
    return [line["wait_s"] for line in stage.log("request.parked") if line["request_id"] == request_id]


def grows(parked: list[float]) -> bool:
    """10, 20, 40 … 600 s, each up to half as long again."""
    least = [min(600.0, 10.0 * 2**number) for number in range(len(parked))]
    return all(low <= wait <= 1.5 * low + 0.1 for low, wait in zip(least, parked, strict=True))


@pytest.mark.parametrize("kind", ["locked", "throttled", "refused"])
@pytest.mark.parametrize("others", [0, pytest.param(12, marks=pytest.mark.slow)])
def test_a_target_that_lets_nobody_in_is_asked_ever_more_seldom(kind: Kind, others: int) -> None:
    """Given ten minutes of it, alone or with others that put the target to rest: not a wake each minute."""

    async def scene(stage: Stage) -> None:
        for number in range(others):
            await stage.ask(f"other{number}", cache="off")
        await stage.ask("r", cache="off")
        await asyncio.sleep(600)
        assert 4 <= len(waits(stage, "r")) <= 6
        await asyncio.sleep(2 * 3600)
        for request_id in ("r", *(f"other{number}" for number in range(others))):
            assert grows(waits(stage, request_id)), waits(stage, request_id)
            # a wake a minute would be 130
            assert len(waits(stage, request_id)) <= 18
        assert {record.tries for record in await records(stage)} == {0}
        stage.world.ledger.script = lambda *_: Reply()

    play(scene, always=Reply(kind, 0.1), shape=ALONE)


async def records(stage: Stage) -> list[Record]:
    documents: list[Mapping[str, Any]] = list((await stage.evidence()).documents.values())
    return [Record.decode(fields) for fields in documents if "payload_sha256" in fields]


@pytest.mark.slow
def test_a_herd_that_comes_back_is_let_in_at_once_and_not_all_in_one_moment() -> None:
    """Given an hour without a key, then the right one: nobody waits for two rounds, and they come spread."""
    done: list[float] = []

    async def scene(stage: Stage) -> None:
        for number in range(HERD):
            await stage.ask(f"r{number}", cache="off")
        await asyncio.sleep(3600)
        mended = asyncio.get_running_loop().time()
        stage.world.ledger.script = lambda *_: Reply()
        await stage.rest()
        calls = [call for call in stage.world.ledger.calls if call.paid]
        assert len(calls) == HERD
        done.extend(call.at - mended for call in calls)
        # the longest wait, the sweeper's minute, and the answer
        assert max(done) <= 1.5 * 600 + 60 + 5
        by_minute = [sum(at // 60 == minute for at in done) for minute in range(17)]
        assert max(by_minute) < HERD / 2

    play(scene, always=Reply("locked", 0.1), shape=ALONE)
    assert len(done) == HERD


def test_what_is_parked_says_what_it_waits_for_and_how_often_was_asked() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(12):
            await stage.ask(f"other{number}", cache="off")
        await stage.ask("r", cache="off")
        await asyncio.sleep(1800)
        record = Record.decode(await stage.document("r"))
        # Given a target at rest, so that it was not even asked at times
        assert any("resting" in line["reason"] for line in stage.log("request.parked"))
        told = record.last_answer
        assert told is not None
        assert (told.outcome, told.message) == ("unpaid", "The simulated key is not let in (HTTP 401).")
        asked = sum(line.asked for line in record.attempts if line.outcome == "unpaid")
        assert record.calls == stage.calls("r") == asked
        # and the lines of calls that never started are not what is left to read
        assert [line.outcome for line in record.attempts].count("not called") <= 1
        stage.world.ledger.script = lambda *_: Reply()

    play(scene, always=Reply("locked", 0.1), shape=ALONE)


def test_what_the_gate_says_after_a_real_answer_hides_nothing() -> None:
    """Given many who are throttled at once, and find their target at rest when they ask again."""

    async def scene(stage: Stage) -> None:
        for number in range(20):
            await stage.ask(f"r{number}", cache="off")
        await asyncio.sleep(30)
        lines = [line for record in await records(stage) for line in record.attempts]
        asked = [line for line in lines if line.outcome == "unpaid"]
        assert len(asked) > THRESHOLD
        assert {line.message for line in asked} == {"simulated: 429"}
        assert sum(line.asked for line in asked) == stage.calls()
        stage.world.ledger.script = lambda *_: Reply()

    play(scene, always=Reply("throttled", 0.1), shape=ALONE)


def test_what_never_came_through_says_at_its_deadline_what_was_answered_last() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(12):
            await stage.ask(f"other{number}", cache="off", max_wait_s=900)
        await stage.ask("r", cache="off", max_wait_s=900)
        await stage.rest()
        error, result = (await stage.result("r"))["error"], await stage.result("r")
        assert error["reason"] == "deadline_exceeded"
        told = "last answer: the simulated key is not let in (HTTP 401)."
        assert error["message"] == f"The deadline passed before an answer came; {told}"
        assert result["attempts"] == stage.calls("r")
        assert result["cost"]["usd"] == 0

    play(scene, always=Reply("locked", 0.1), shape=ALONE)


def test_what_was_never_asked_itself_names_what_keeps_its_target_at_rest() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(8):
            await stage.ask(f"other{number}", cache="off")
        await asyncio.sleep(5)
        await stage.ask("r", cache="off", max_wait_s=9)
        await asyncio.sleep(3)
        record = Record.decode(await stage.document("r"))
        assert (record.calls, stage.calls("r"), record.last_answer) == (0, 0, None)
        why = "the last: the simulated key is not let in (HTTP 401)"
        assert record.not_asked == f"Target a is resting after a row of failures; {why}."
        await asyncio.sleep(100)
        message = (await stage.result("r"))["error"]["message"]
        assert message == f"The deadline passed before an answer came; t{record.not_asked[1:]}"
        stage.world.ledger.script = lambda *_: Reply()

    play(scene, always=Reply("locked", 0.1), shape=ALONE)


def test_calls_that_were_asked_again_in_one_delivery_are_all_counted() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(8)
        record = Record.decode(await stage.document("r"))
        assert (record.calls, stage.calls("r")) == (3, 3)
        assert [(line.outcome, line.asked) for line in record.attempts] == [("unpaid", 3)]
        await stage.rest()
        # two more, under the line of the answer
        assert (await stage.result("r"))["attempts"] == stage.calls("r") == 5
        record = Record.decode(await stage.document("r"))
        assert [(line.outcome, line.asked) for line in record.attempts] == [("unpaid", 3), ("ok", 2)]

    play(scene, replies=[Reply("throttled", 0.1)] * 4, shape=ALONE)


def test_a_call_that_is_cut_off_counts_with_those_before_it() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        for delivery in stage.world.instances[0].services.deliveries:
            delivery.reschedule(asyncio.get_running_loop().time())
        await asyncio.sleep(1)
        record = Record.decode(await stage.document("r"))
        assert [(line.outcome, line.asked) for line in record.attempts] == [("ambiguous", 2)]
        assert (record.calls, record.tries) == (2, 1)
        await stage.rest()

    play(scene, replies=[Reply("throttled", 0.1), Reply(takes_s=60)], shape=ALONE)


def test_a_request_that_is_redriven_starts_with_short_waits_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off", max_wait_s=1200)
        await stage.rest()
        before = len(waits(stage, "r"))
        await stage.redrive("r", 1, cache="off", max_wait_s=1200)
        await asyncio.sleep(300)
        assert grows(waits(stage, "r")[before:])
        stage.world.ledger.script = lambda *_: Reply()

    play(scene, always=Reply("locked", 0.1), shape=ALONE)
