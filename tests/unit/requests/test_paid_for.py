"""What was paid is known, or said to be unknown: refusals, unreadable replies, and calls long ago."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.messages.request import Request
from penstock.requests.record import ATTEMPTS_KEPT, NOT_CALLED, Attempt, Record
from penstock.targets.routes import Route, Routes
from tests.chaos.loop import run_virtual
from tests.chaos.provider import Reply
from tests.chaos.stage import REST_S, Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape, world
from tests.unit.requests.records import NOW, record

UNREADABLE = Reply("unreadable", 0.1)


def _priced() -> Routes:
    target = ROUTES.routes["one"].targets[0].model_copy(update={"price": "gpt-5.4-nano"})
    return Routes("one", {"one": Route(targets=[target])})


PRICED = Shape(_priced(), seed=3)
ALONE = Shape(_priced(), seed=3, instances=1)


def _fallback() -> Routes:
    first = ROUTES.routes["one"].targets[0]
    targets = [first.model_copy(update={"name": name, "model": f"model-{name}"}) for name in "ab"]
    return Routes("one", {"one": Route(targets=targets, fallback=True)})


def _ended(one: Record, *outcomes: str) -> Record:
    for outcome in outcomes:
        one = one.with_attempt(Attempt(1, "t", NOW)).with_outcome(outcome, f"said {outcome}")
    return one


def test_no_number_of_lines_makes_the_ledger_forget_a_call_that_was_perhaps_paid() -> None:
    grown = _ended(record(), "ambiguous", "unknown", *[NOT_CALLED] * 3 * ATTEMPTS_KEPT, "unpaid", "ok")
    assert grown.perhaps_paid == 2
    assert Record.decode(grown.encode()).perhaps_paid == 2
    # And calls that never started take no line from those that did.
    assert [line.outcome for line in grown.attempts] == ["ambiguous", "unknown", "unpaid", "ok"]
    assert _ended(grown, *["ambiguous"] * 3 * ATTEMPTS_KEPT).perhaps_paid == 2 + 3 * ATTEMPTS_KEPT


def test_a_document_from_before_the_counter_counts_its_lines() -> None:
    old = _ended(record(), "ambiguous", "unpaid", "unknown", "ok").encode()
    del old["perhaps_paid"]
    assert Record.decode(old).perhaps_paid == 2
    # Or one into which a release without it wrote, while a deploy went through.
    assert Record.decode(old | {"perhaps_paid": 1}).perhaps_paid == 2
    assert Record.decode(old | {"perhaps_paid": 9}).perhaps_paid == 9


@pytest.mark.parametrize(
    ("outcomes", "in_a_row"),
    [
        ([], 1),
        (["ambiguous"], 2),
        (["ambiguous", NOT_CALLED, "unpaid"], 2),
        (["ambiguous", "ambiguous"], 3),
        (["ambiguous", "unknown"], 1),
        (["ambiguous", "ok"], 1),
    ],
)
def test_a_row_is_broken_only_by_another_answer(outcomes: list[str], in_a_row: int) -> None:
    asking = _ended(record(), *outcomes).with_attempt(Attempt(1, "t", NOW))
    assert asking.in_a_row("said ambiguous") == in_a_row


def test_a_busy_target_does_not_make_it_forget_what_may_have_been_paid() -> None:
    """Given two calls of unknown price and then a target that rests for long because of others, I expect the
    answer to say that two more calls may have been paid."""
    flaky: Iterator[Reply] = iter([Reply("broken", 0.1)] * 2)

    def script(request: Request, target: str, at: float) -> Reply:
        if request.request_id == "flaky":
            return next(flaky, Reply())
        return Reply("refused", 0.1)

    async def scene() -> dict[str, Any]:
        async with world(ALONE, script) as made:
            stage = Stage(made, None)  # type: ignore[arg-type] # nobody reads the log
            for number in range(12):
                await stage.ask(f"busy-{number}", cache="off", max_wait_s=1500)
            await asyncio.sleep(5)
            await stage.ask("flaky", cache="off")
            assert await made.rest(REST_S)
            return dict(await stage.document("flaky"))

    document = run_virtual(scene())
    assert document["perhaps_paid"] == 2
    assert document["result"]["cost"]["breakdown"]["unknown"] == "2 more calls may have been paid"


def test_what_cannot_be_read_twice_in_a_row_is_not_bought_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        result = await stage.result("r")
        assert stage.calls() == 2
        assert result["error"]["reason"] == "attempts_exhausted"
        assert "the same unreadable thing 2 times in a row" in result["error"]["message"]
        assert result["cost"]["usd"] is None
        assert result["cost"]["breakdown"] == {"unknown": "2 calls may have been paid"}

    play(scene, always=UNREADABLE, shape=ALONE)


def test_another_failure_between_two_unreadable_replies_breaks_the_row() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert (await stage.result("r"))["status"] == "completed"
        assert stage.calls() == 4

    replies = [UNREADABLE, Reply("broken", 0.1), UNREADABLE]
    play(scene, replies=replies, shape=ALONE)


def test_a_refused_call_between_them_does_not() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert await stage.reason("r") == "attempts_exhausted"
        assert sum(call.paid for call in stage.world.ledger.calls) == 2

    replies = [UNREADABLE, *[Reply("throttled", 0.1)] * 9, UNREADABLE]
    play(scene, replies=replies, shape=ALONE)


def test_every_target_of_a_route_has_its_two() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert await stage.reason("r") == "attempts_exhausted"
        assert [call.target for call in stage.world.ledger.calls] == ["a", "b", "a", "b"]

    play(scene, always=UNREADABLE, shape=Shape(_fallback(), seed=3, instances=1))


def test_a_refusal_keeps_its_words_and_its_cost() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], result["error"]["reason"]) == ("failed", "content_refused")
        assert result["error"]["message"] == "simulated: the model refused"
        assert result["completion"]["text"].startswith("default|a|")
        assert result["completion"]["finish_reason"] == "refusal"
        assert (result["usage"]["prompt_tokens"], result["usage"]["completion_tokens"]) == (10, 5)
        assert (result["model"], result["target"], result["provider"]) == ("sim-model", "a", "openai")
        assert result["cost"]["usd"] > 0
        assert "unknown" not in result["cost"]["breakdown"]
        [usage] = [f for path, f in (await stage.evidence()).documents.items() if "/usage/" in path]
        assert (usage["prompt_tokens"], usage["completion_tokens"]) == (10, 5)
        assert usage["cost_nano_usd"] == round(result["cost"]["usd"] * 1e9)
        assert stage.calls() == 1
        # And the words are in the result alone.
        assert not any("default|a|" in json.dumps(line) for line in stage.log("request.finished"))

    play(scene, always=Reply("withheld", 0.2), shape=PRICED)


def test_a_refusal_after_an_unsure_call_says_both() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        cost = (await stage.result("r"))["cost"]
        assert cost["usd"] > 0
        assert cost["breakdown"]["unknown"] == "1 more call may have been paid"

    play(scene, replies=[Reply("broken", 0.1)], always=Reply("withheld", 0.2), shape=PRICED)


def test_followers_of_a_refusal_get_its_words_for_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await asyncio.gather(*(stage.ask(f"r{number}") for number in range(3)))
        await stage.rest()
        results = [await stage.result(f"r{number}") for number in range(3)]
        assert stage.calls() == 1
        assert {result["completion"]["text"] for result in results} == {results[0]["completion"]["text"]}
        assert {result["error"]["reason"] for result in results} == {"content_refused"}
        assert sorted(bool(result["cost"]["usd"]) for result in results) == [False, False, True]
        assert sorted(bool(result["cost"]["saved_usd"]) for result in results) == [False, True, True]

    play(scene, always=Reply("withheld", 2.0), shape=PRICED)


def test_the_words_of_a_long_refusal_go_to_the_bucket() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], result["completion"]) == ("failed", None)
        kept = json.loads(Path(result["completion_ref"]["uri"].removeprefix("file://")).read_bytes())
        assert len(kept["text"]) > 300_000

    play(scene, always=Reply("withheld", 0.2, padding=300_000))


@pytest.mark.parametrize("kind", ["empty", "cut"])
def test_what_is_no_whole_answer_is_not_cached(kind: Any) -> None:
    async def scene(stage: Stage) -> None:
        for name in ("first", "second"):
            await stage.ask(name)
            await stage.rest()
            assert (await stage.result(name))["cache"] == "miss"
        assert stage.calls() == 2

    play(scene, always=Reply(kind, 0.2))
