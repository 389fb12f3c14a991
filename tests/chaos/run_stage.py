"""Runs on the stage of a world: started, told, and read as a client reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from penstock.messages.completion import BlobRef
from penstock.requests.respond import respond
from penstock.runs.message import Told, Verb
from penstock.runs.room import Runs
from penstock.runs.seam import Members
from penstock.runs.story import run
from penstock.sweep import ROOMS
from tests.chaos.checker import SECRET
from tests.chaos.stage import Stage
from tests.chaos.workload import ROUTES
from tests.chaos.world import TOPICS, Shape, World


def with_runs(shape: Shape) -> Shape:
    """The same deployment with runs switched on."""
    return replace(
        shape,
        rooms=(*ROOMS, Runs()),
        seams=(*shape.seams, Members),
        stories={TOPICS.runs: run, TOPICS.internal: respond},
    )


RUNS = with_runs(Shape(ROUTES, seed=1))


def ask(said: str = "{{item.text}}", **more: Any) -> dict[str, Any]:
    """A request's template."""
    return {"prompt": f"{SECRET} {said}"} | more


def mapped(name: str = "each", **more: Any) -> dict[str, Any]:
    """A step that asks once about each item."""
    return {"id": name, "map": {"request": ask()}} | more


def pipeline(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "steps": list(steps or (mapped(),))}


async def start(world: World, run_id: str, items: list[Any], *steps: dict[str, Any], **more: Any) -> None:
    """Publish a run."""
    body = {"run_id": run_id, "pipeline": pipeline(*steps), "items": items} | more
    await world.bus.publish(TOPICS.runs, json.dumps(body).encode(), {}, timeout_s=15)


async def tell(world: World, verb: Verb, run_id: str, generation: int = 0) -> None:
    told = Told(verb, "default", run_id, generation)
    await world.bus.publish(TOPICS.runs, b"", told.encode(), timeout_s=15)


async def document(stage: Stage, run_id: str) -> Mapping[str, Any]:
    [found] = await stage.world.store.read([f"tenants/default/runs/{run_id}"], timeout_s=8)
    assert found.fields is not None, f"there is no run {run_id}"
    return found.fields


async def outcome(stage: Stage, run_id: str) -> tuple[str, str]:
    """How it ended: status and reason."""
    ended = (await document(stage, run_id)).get("outcome") or {"status": "open", "reason": ""}
    return ended["status"], ended["reason"]


async def rows(stage: Stage, run_id: str, stage_number: int = -1) -> list[Mapping[str, Any]]:
    """The rows of a stage that is over."""
    closed = (await document(stage, run_id))["closed"][stage_number]
    manifest = json.loads(await _blob(stage, closed["manifest"]))
    lines: list[bytes] = []
    for page in manifest["pages"]:
        for part in page["parts"]:
            lines += (await _blob(stage, part)).splitlines()
    return [json.loads(line) for line in lines]


async def _blob(stage: Stage, ref: Mapping[str, Any]) -> bytes:
    return await stage.world.blobs.get(BlobRef.decode(ref), timeout_s=8)
