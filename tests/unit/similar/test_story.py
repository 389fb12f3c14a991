"""Requests that say `cache: similar`: what is found, given, judged and kept; the checker looks on."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.budgets.worst import worst_nano
from penstock.messages.envelope import Envelope
from penstock.messages.request import decode_request
from penstock.money.limits import Limit
from penstock.targets.pace import Pace
from tests.chaos.checker import SECRET
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.money_stage import set_limits, with_budgets
from tests.chaos.pace_stage import with_paces
from tests.chaos.provider import Reply
from tests.chaos.similar_stage import EMBED, evidence, judged_before, shape
from tests.chaos.stage import Stage, play
from tests.chaos.world import PRICES

FIRST = "how do I reset my password please"
ALIKE = "please how do I reset my password"
ALMOST = "how do I reset my old password please"


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


async def ask(stage: Stage, request_id: str, said: str, **body: Any) -> Any:
    await stage.ask(request_id, said, **{"cache": "similar"} | body)
    await stage.rest()
    return await stage.result(request_id, body.get("tenant", "default"))


async def vectors(stage: Stage) -> list[Any]:
    documents = (await stage.evidence()).documents
    return [fields for path, fields in documents.items() if path.split("/")[2:3] == ["similar"]]


def test_a_similar_answer_is_given_once_evidence_allows_it() -> None:
    async def scene(stage: Stage) -> None:
        await judged_before(stage.world)
        bought = await ask(stage, "r1", FIRST)
        assert (bought["cache"], bought["similar"]["why"]) == (
            "miss",
            "No similar question was answered before.",
        )
        given = await ask(stage, "r2", ALIKE)
        assert (given["cache"], given["completion"]) == ("similar", bought["completion"])
        said = given["similar"]
        assert (said["source"], said["n"], said["k"], said["bound"]) == ("r1", 200, 0, 0.05)
        assert said["cosine"] == pytest.approx(1.0)
        assert asked(stage) == ["a"]
        assert (await evidence(stage.world))["hits"] == 10_001

    play(scene, shape=shape())


def test_nothing_is_given_before_a_threshold_is_open_and_what_would_have_been_is_counted() -> None:
    async def scene(stage: Stage) -> None:
        await ask(stage, "r1", FIRST)
        result = await ask(stage, "r2", ALIKE)
        assert (result["cache"], result["similar"]["why"]) == (
            "miss", "It is judged whether a similar answer would do.",
        )  # fmt: skip
        assert asked(stage) == ["a", "a"]
        # Without a judge only an equal answer is right, and the simulated model tells its question.
        counted = await evidence(stage.world)
        assert [(counted["n0"], counted["k0"]), (counted["n7"], counted["k7"])] == [(1, 1), (1, 1)]
        documents = (await stage.evidence()).documents
        assert documents["tenants/default/audits/r2"]["wrong"] is True

    play(scene, shape=shape())


def test_the_guard_forbids_whatever_the_cosine_is() -> None:
    async def scene(stage: Stage) -> None:
        await judged_before(stage.world)
        await ask(stage, "r1", "how do I pay invoice 4711 at the desk please")
        result = await ask(stage, "r2", "how do I pay invoice 4712 at the desk please")
        assert (result["cache"], result["similar"]["why"]) == (
            "miss", "The guard objects to the nearest question: numbers.",
        )  # fmt: skip

    play(scene, shape=shape())


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "acme"},
        {"params": {"max_tokens": 7}},
        {"params": {"response_format": {"type": "json_object"}}},
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": f"{SECRET} {ALIKE}"},
            ]
        },
        {"params": {"tools": [{"type": "function", "function": {"name": "f"}}]}},
        {"cache": "use"},
    ],
)
def test_another_tenant_param_schema_prompt_tool_or_mode_finds_nothing(other: dict[str, Any]) -> None:
    async def scene(stage: Stage) -> None:
        for tenant in ("default", "acme"):
            await judged_before(stage.world, tenant=tenant)
        await ask(stage, "r1", FIRST)
        body = {"cache": "similar"} | other
        if "messages" in body:
            await stage.world.publish(_body("r2", body), {})
        else:
            await stage.ask("r2", ALIKE, **body)
        await stage.rest()
        assert (await stage.result("r2", other.get("tenant", "default")))["cache"] == "miss"

    play(scene, shape=shape())


def _body(request_id: str, body: dict[str, Any]) -> bytes:
    return json.dumps({"request_id": request_id} | body).encode()


def test_nobody_inherits_a_similar_answer() -> None:
    async def scene(stage: Stage) -> None:
        await judged_before(stage.world)
        await ask(stage, "r1", FIRST)
        assert (await ask(stage, "r2", ALIKE))["cache"] == "similar"
        # Neither who asks the same exactly, nor who asks alike, is answered by what was given.
        assert (await ask(stage, "r3", ALIKE, cache="auto"))["cache"] == "miss"
        assert [fields["source"] for fields in await vectors(stage)] == ["r1"]

    play(scene, shape=shape())


def test_who_followed_goes_on_by_itself() -> None:
    async def scene(stage: Stage) -> None:
        await judged_before(stage.world)
        await ask(stage, "r1", FIRST)
        await stage.ask("r2", ALIKE, cache="similar")
        await asyncio.sleep(2)  # its verifier takes longer
        await stage.ask("r3", ALIKE, cache="auto")
        await stage.rest()
        caches = [(await stage.result(name))["cache"] for name in ("r2", "r3")]
        assert (caches, asked(stage)) == (["similar", "miss"], ["a", "verifier", "a"])

    said = [Reply(), Reply(grade="yes", takes_s=5.0)]
    play(scene, replies=said, shape=shape(verifier="verifier"))


def test_a_verifier_is_asked_before_an_answer_is_given_and_booked_apart() -> None:
    async def scene(stage: Stage) -> None:
        await judged_before(stage.world)
        await ask(stage, "r1", FIRST)
        given = await ask(stage, "r2", ALIKE)
        assert (given["cache"], asked(stage)) == ("similar", ["a", "verifier"])
        assert {call["role"] for call in given["similar"]["calls"]} == {"embedding", "verification"}
        paid = sum(call["usd"] for call in given["similar"]["calls"])
        assert given["cost"]["usd"] == pytest.approx(paid)
        bought = (await stage.result("r1"))["cost"]["breakdown"]["answer_usd"]
        assert given["cost"]["saved_usd"] < bought - paid
        documents = (await stage.evidence()).documents
        booked = {fields["target"]: fields for path, fields in documents.items() if "/usage/" in path}
        assert set(booked) == {"a", EMBED.name, "verifier"}
        assert booked["verifier"]["cost_nano_usd"] > 0

    play(scene, replies=[Reply(), Reply(grade="Yes.")], shape=shape(verifier="verifier"))


@pytest.mark.parametrize(
    "reply", [Reply(grade="no"), Reply(grade="perhaps"), Reply("broken"), Reply("throttled")]
)
def test_a_verifier_that_does_not_say_yes_is_a_miss(reply: Reply) -> None:
    async def scene(stage: Stage) -> None:
        await judged_before(stage.world)
        await ask(stage, "r1", FIRST)
        result = await ask(stage, "r2", ALIKE)
        assert (result["cache"], asked(stage)) == ("miss", ["a", "verifier", "a"])
        assert result["similar"]["why"].startswith("The verifier does not say")

    play(scene, replies=[Reply(), reply], shape=shape(verifier="verifier"))


def test_verifier_and_judge_are_asked_later_and_only_a_yes_is_right() -> None:
    async def scene(stage: Stage) -> None:
        await ask(stage, "r1", FIRST)
        await ask(stage, "r2", ALIKE)
        assert asked(stage) == ["a", "a", "verifier", "judge"]
        counted = await evidence(stage.world)
        assert (counted["n0"], counted.get("k0", 0)) == (1, 0)
        # One that the verifier would have held back does not count, and is not judged.
        await ask(stage, "r3", ALMOST)
        assert asked(stage)[4:] == ["a", "verifier"]
        assert (await evidence(stage.world))["n0"] == 1
        # What a judge says that is no yes is wrong.
        await ask(stage, "r4", "reset my password how do I please")
        assert (await evidence(stage.world))["k0"] == 1

    said = [Reply(), Reply(), Reply(grade="yes"), Reply(grade="yes"), Reply(), Reply(grade="no")]
    said += [Reply(), Reply(grade="yes"), Reply(grade="I cannot tell.")]
    play(scene, replies=said, shape=shape(verifier="verifier", judge="judging"))


def test_a_judge_opens_nothing_until_it_was_tried() -> None:
    async def scene(stage: Stage) -> None:
        await judged_before(stage.world, n=400, open=None)
        await ask(stage, "r1", FIRST)
        await ask(stage, "r2", ALIKE)
        assert (await evidence(stage.world)).get("open") is None
        await judged_before(stage.world, n=400, open=None, planted=299, missed=0)
        await ask(stage, "r3", "please how do I reset my password please")
        assert (await evidence(stage.world))["open"] == 0

    play(scene, always=Reply(grade="yes"), shape=shape(judge="judging"), checked=False)


def test_drift_closes_and_then_nobody_is_asked_any_more() -> None:
    async def scene(stage: Stage) -> None:
        await judged_before(stage.world, hits=0)
        await ask(stage, "r0", FIRST)
        number = 0
        while "closed_at" not in await evidence(stage.world):
            number += 1
            assert number < 60, "it does not close"
            await ask(stage, f"d{number}", f"please how do I reset my {WORDS[number]} password")
        judged = (await evidence(stage.world))["n0"]
        late = await ask(stage, "late", ALIKE)
        assert (late["cache"], late["similar"]["why"]) == (
            "miss", "Too many similar answers of this way were wrong: it is closed.",
        )  # fmt: skip
        assert (await evidence(stage.world))["n0"] == judged

    play(scene, shape=shape(audit=0.9))


WORDS = [
    f"{one}{two}"
    for one in ("ba", "de", "gi", "lo", "mu", "ra", "se", "ti")
    for two in ("ko", "pa", "na", "su", "vi", "xe", "ho", "ju")
]


def test_what_was_paid_for_a_look_is_counted_though_the_request_waited() -> None:
    async def scene(stage: Stage) -> None:
        result = await ask(stage, "r1", FIRST)
        [embedding] = result["similar"]["calls"]
        assert embedding["role"] == "embedding"
        assert result["cost"]["usd"] == pytest.approx(
            result["cost"]["breakdown"]["answer_usd"] + embedding["usd"]
        )
        [cached] = [
            fields for path, fields in (await stage.evidence()).documents.items() if "/cache/" in path
        ]
        assert cached["answer"]["cost"]["usd"] == result["cost"]["breakdown"]["answer_usd"]

    play(scene, replies=[Reply("throttled", 0.1, 60.0)] * 4, shape=shape())


def test_a_question_lives_no_longer_than_its_answer() -> None:
    async def scene(stage: Stage) -> None:
        await ask(stage, "r1", FIRST)
        [question] = await vectors(stage)
        documents = (await stage.evidence()).documents
        [cached] = [fields for path, fields in documents.items() if "/cache/" in path]
        assert question["expires_at"] <= cached["expires_at"]

    play(scene, shape=shape())


def test_the_cap_holds() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(6):
            await ask(stage, f"r{number}", f"a question about {WORDS[number]} please")
        assert len(await vectors(stage)) <= 3

    play(scene, shape=shape(cap=3))


@pytest.mark.parametrize("step", ["embedder.embed", "store.nearest"])
@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.OVERLONG, Fault.LOST_RESPONSE])
def test_a_part_that_fails_is_a_miss(step: str, fault: Fault) -> None:
    async def scene(stage: Stage) -> None:
        await judged_before(stage.world)
        result = await ask(stage, "r1", FIRST)
        assert (result["status"], result["cache"]) == ("completed", "miss")
        assert stage.log("similar.missed")

    play(scene, plan=AtNamed({(step, 1): fault}), shape=shape())


def test_a_request_that_asks_for_it_where_there_is_none_is_refused_in_a_sentence() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", FIRST, cache="similar", model="two")
        await stage.rest()
        [letter] = (await stage.evidence()).letters
        assert letter.attributes["reason"] == "malformed"
        assert letter.attributes["error"].startswith(
            "The field cache says similar, and the route of this request"
        )

    play(scene, shape=shape(), checked=False)


def test_a_budget_is_charged_for_embedder_and_verifier_where_an_answer_is_given() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("all", "month", None, 1_000_000_000))
        await judged_before(stage.world)
        await ask(stage, "r1", FIRST)
        given = await ask(stage, "r2", ALIKE)
        paid = {call["role"]: call["usd"] for call in given["similar"]["calls"]}
        assert set(paid) == {"embedding", "verification"}
        assert given["cost"]["budget"]["charged_usd"] == pytest.approx(sum(paid.values()))
        assert given["cost"]["usd"] == pytest.approx(sum(paid.values()))

    said = [Reply(), Reply(grade="yes")]
    play(scene, replies=said, shape=with_budgets(shape(verifier="verifier")))


def embedded(stage: Stage) -> int:
    """How often the embedder was asked under a line of the ledger."""
    return sum(line["target"] == EMBED.name for line in stage.log("provider.called"))


HELD_BACK = "The question was not embedded: its embedder failed, or a budget or a limit holds it back."


def test_an_embedder_whose_budget_is_spent_is_not_asked_and_the_model_is() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit(f"target:{EMBED.name}", "month", None, 10))
        await judged_before(stage.world)
        result = await ask(stage, "r1", FIRST)
        assert (result["cache"], result["similar"]["why"]) == ("miss", HELD_BACK)
        assert (embedded(stage), asked(stage)) == (0, ["a"])

    play(scene, shape=with_budgets(shape()))


def test_who_lacks_money_for_the_embedder_alone_does_not_wait_for_money() -> None:
    async def scene(stage: Stage) -> None:
        body = _body("r", {"prompt": f"{SECRET} {FIRST}", "params": {"max_tokens": 1}})
        question = decode_request(Envelope(body, {}, "1", datetime.now(UTC), ""), default_wait_s=60)
        most = worst_nano(question, EMBED, PRICES)
        await set_limits(stage.world, Limit(f"target:{EMBED.name}", "month", None, most + 1))
        await ask(stage, "r1", FIRST)
        # Given one embedding more than its budget carries, and a provider that sends the request away
        await stage.ask("r2", ALIKE, cache="similar")
        await asyncio.sleep(20)
        waiting = await stage.document("r2")
        assert (waiting["state"], waiting.get("lacks")) == ("parked", None)
        await stage.rest()
        assert (await stage.result("r2"))["similar"]["why"] == HELD_BACK
        assert embedded(stage) == 1

    replies = [Reply(), *[Reply("throttled", 0.1, 60.0)] * 4]
    play(scene, replies=replies, shape=with_budgets(shape()))


def test_an_embedder_keeps_to_its_shared_limit() -> None:
    async def scene(stage: Stage) -> None:
        await judged_before(stage.world)
        for number in range(4):
            await stage.ask(f"r{number}", f"{FIRST} {WORDS[number]}", cache="similar")
        await stage.rest()
        assert embedded(stage) == 1
        told = [(await stage.result(f"r{number}"))["similar"]["why"] for number in range(4)]
        assert sorted(told) == [
            "No similar question was answered before.", HELD_BACK, HELD_BACK, HELD_BACK,
        ]  # fmt: skip

    play(scene, shape=with_paces(shape(), Pace(f"target:{EMBED.name}", rpm=1)))


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.OVERLONG, Fault.LOST_RESPONSE])
def test_an_embedder_that_fails_under_a_budget_is_a_miss(fault: Fault) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("all", "month", None, 1_000_000_000))
        await judged_before(stage.world)
        result = await ask(stage, "r1", FIRST)
        assert (result["cache"], result["similar"]["why"]) == ("miss", HELD_BACK)
        assert (embedded(stage), asked(stage)) == (1, ["a"])
        lines = (await stage.document("r1"))["attempts"]
        assert [line["target"] for line in lines] == [EMBED.name, "a"]

    play(scene, plan=AtNamed({("embedder.embed", 1): fault}), shape=with_budgets(shape()))


def test_an_embedder_that_nothing_touches_costs_no_write() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("target:a", "month", None, 1_000_000_000))
        await ask(stage, "r1", FIRST)
        assert embedded(stage) == 0

    play(scene, shape=with_budgets(shape()))
