"""Requests that say `cache: similar`: what is found, given, judged and kept; the checker looks on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.provider import Reply
from tests.chaos.similar_stage import EMBED, evidence, judged_before, shape
from tests.chaos.stage import Stage, play

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
        assert (bought["cache"], bought["similar"]["why"]) == ("miss", "No similar question was answered before.")
        given = await ask(stage, "r2", ALIKE)
        assert (given["cache"], given["completion"]) == ("similar", bought["completion"])
        said = given["similar"]
        assert (said["source"], said["n"], said["k"], said["bound"]) == ("r1", 200, 0, 0.05)
        assert said["cosine"] == pytest.approx(1.0)
        assert asked(stage) == ["a"]
        assert (await evidence(stage.world))["hits"] == 10_001

    play(scene, shape=shape())
