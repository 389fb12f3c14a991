"""A pipeline by its name and hash: what is deployed, what is not, and what is no pipeline after all."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest

from penstock.paths import pipeline_blob
from tests.chaos.provider import Reply
from tests.chaos.run_stage import RUNS, mapped, outcome, pipeline, rows
from tests.chaos.stage import Stage, play
from tests.chaos.world import TOPICS

SAID = json.dumps(pipeline(mapped())).encode()


async def _deployed(stage: Stage, data: bytes) -> str:
    """The hash under which `data` lies in the bucket now."""
    digest = hashlib.sha256(data).hexdigest()
    await stage.world.blobs.put(pipeline_blob("classify", digest), data, timeout_s=5)
    return digest


async def _run(stage: Stage, digest: str) -> None:
    body = {"run_id": "r", "pipeline": {"name": "classify", "sha256": digest}, "items": ["a", "b"]}
    await stage.world.bus.publish(TOPICS.runs, json.dumps(body).encode(), {}, timeout_s=15)


def test_a_run_keeps_the_pipeline_that_it_began_with() -> None:
    async def scene(stage: Stage) -> None:
        digest = await _deployed(stage, SAID)
        await _run(stage, digest)
        await asyncio.sleep(2)
        await stage.world.blobs.delete("pipelines/", timeout_s=5)  # another one is deployed meanwhile
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert len(await rows(stage, "r")) == 2

    play(scene, shape=RUNS, always=Reply("ok", 5.0))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{half", "is deployed here and is no JSON object"),
        (b"[]", "is deployed here and is no JSON object"),
        (b'{"version": 1, "steps": []}', "`steps` must not be empty"),
    ],
    ids=["no JSON", "a list", "empty"],
)
def test_what_is_deployed_and_no_pipeline_is_a_dead_letter(data: bytes, says: str) -> None:
    async def scene(stage: Stage) -> None:
        await _run(stage, await _deployed(stage, data))
        await stage.rest()
        await _refused(stage, says)

    play(scene, shape=RUNS)


@pytest.mark.parametrize("lies_there", [False, True], ids=["nothing", "other bytes"])
def test_one_that_is_not_deployed_is_a_dead_letter(lies_there: bool) -> None:
    async def scene(stage: Stage) -> None:
        if lies_there:
            await stage.world.blobs.put(pipeline_blob("classify", "0" * 64), SAID, timeout_s=5)
        await _run(stage, "0" * 64)
        await stage.rest()
        await _refused(stage, "names none that is deployed here")

    play(scene, shape=RUNS)


async def _refused(stage: Stage, says: str) -> None:
    [letter] = (await stage.evidence()).letters
    assert letter.attributes["reason"] == "malformed"
    assert says in letter.attributes["error"]
    assert stage.calls() == 0
