"""A run's plan is made of a file that streams by: the instance does not hold it, however long it is."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.bootstrap import build
from penstock.messages.completion import BlobRef
from penstock.runs.definition import Definition
from penstock.runs.planning import first_stage
from penstock.runs.record import Run, State
from penstock.settings import read_settings

pytestmark = pytest.mark.slow

_ITEMS = 20_000
_TEXT = "I was told that my parcel would be here on Monday, and nobody at the counter knows of it. " * 2
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def _file() -> AsyncIterator[bytes]:
    for number in range(_ITEMS):
        yield json.dumps({"id": f"t{number}", "text": _TEXT}).encode() + b"\n"


def _run(items: BlobRef) -> Run:
    return Run(
        "default", "r", State.RUNNING, 1, "w", _NOW, _NOW, "m", "p", "s", definition=items, items=items,
        max_in_flight=100, metadata={},
    )  # fmt: skip


async def test_four_megabytes_of_items_are_planned_in_less_than_their_size(tmp_path: Path) -> None:
    s = build(read_settings({"PENSTOCK_LOCAL": str(tmp_path), "PENSTOCK_RUNS_TOPIC": "llm-runs"}))
    file = await s.blobs.put_stream("tenants/default/runs/r/given.jsonl", _file(), timeout_s=60)
    definition = Definition.of(
        {"version": 1, "steps": [{"id": "a", "map": {"request": {"prompt": "{{item.text}}"}}}]}
    )

    tracemalloc.start()
    try:
        stage = await first_stage(s, _run(file), definition)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await s.close()

    assert (stage.pages, stage.total) == (200, _ITEMS)
    assert peak < 5.5 * 2**20
