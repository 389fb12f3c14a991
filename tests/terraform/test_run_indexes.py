"""What a run counts by is indexed where runs are switched on, and nothing else of it is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.adapters.stores.firestore import FirestoreStore
from penstock.bootstrap import build
from penstock.messages.envelope import Envelope
from penstock.messages.wake import Wake
from penstock.runs.story import run
from penstock.runs.wakes import PAGE, RUN
from penstock.services import Services
from penstock.settings import read_settings
from penstock_ops.terminal.topology import Topology, create_local
from tests.terraform.recorded_queries import QueryRecorder, RecordingStore, required_index
from tests.terraform.workspace import Workspace

_MESSAGE = {
    "run_id": "r",
    "pipeline": {"version": 1, "steps": [{"id": "each", "map": {"request": {"prompt": "{{item.text}}"}}}]},
    "items": ["a", "b"],
    "max_in_flight": 1,
}


async def test_every_count_of_a_run_has_its_index_and_every_index_its_count(
    workspace: Workspace, tmp_path: Path
) -> None:
    # Given an installation with every room, and an embedded one with runs, whose counts are recorded
    everything = workspace.test("modules/platform")["with_everything"]
    declared = {
        (field.values["collection"], field.values["field"], index["query_scope"], index["order"])
        for field in everything.of("google_firestore_field")
        for config in field.values["index_config"]
        for index in config["indexes"]
    }
    async with QueryRecorder() as recorder:
        settings = {"PENSTOCK_LOCAL": str(tmp_path), "PENSTOCK_RUNS_TOPIC": "llm-runs"}
        services = build(read_settings(settings))
        firestore = FirestoreStore("my-project-1", emulator_host=recorder.host)
        s = replace(services, store=RecordingStore(services.store, firestore))
        topology = Topology(runs_topic="llm-runs")
        await create_local(topology, services.bus, {})  # type: ignore[arg-type]  # the embedded bus, by its port
        # If a run of two pages begins, its first page is emitted and looked at, and it has no room for more
        await _heard(s, json.dumps(_MESSAGE).encode(), {})
        for _ in range(2):
            await _heard(s, b"", Wake("default", "r/0.0.0", 0).encode(PAGE))
        await _heard(s, b"", Wake("default", "r", 0).encode(RUN))
        await s.close()
        await firestore.close()
    # I expect the counts to run on declared indexes, and no index of its room that no count runs on
    asked = {required_index(query) for query in recorder.queries}
    assert asked == {each for each in declared if each[1] in _of_the_room()}


def _of_the_room() -> list[str]:
    """The fields of requests that the room of runs has indexed, as Terraform's own text says."""
    text = (Path(__file__).parents[2] / "terraform/modules/platform/rooms.tf").read_text()
    [line] = [line for line in text.splitlines() if line.strip().startswith("runs ") and "indexed" in line]
    fields: list[str] = json.loads(line[line.index("[") : line.index("]") + 1])
    return fields


async def _heard(s: Services, data: bytes, attributes: dict[str, Any]) -> None:
    await run(s, Envelope(data, attributes, "m1", datetime.now(UTC), "runs"))
