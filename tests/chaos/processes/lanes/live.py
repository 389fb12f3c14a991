"""One seed with lanes: as live.py, with batchers that are hurt too, and a provider with a book of lines."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from penstock_ops.emulation.emulators import Emulators
from tests.chaos.processes.lanes.check import LanesEvidence, lanes_wrong
from tests.chaos.processes.lanes.provider import LAZY, PROMPT, LanesModel, with_lane
from tests.chaos.processes.lanes.workload import KINDS
from tests.chaos.processes.live import LATENCY_S, Outcome, Shape, Tell, disorder_of, through
from tests.chaos.processes.money.bills import MAX_OUTPUT, price_list
from tests.chaos.processes.stage import Stage
from tests.chaos.processes.workload import workload

BATCHERS = 2


@dataclass
class LanesStage(Stage):
    """Functions with batchers; `model` works batches off."""

    model: LanesModel = field(default_factory=lambda: LanesModel(0))

    def routed(self) -> str:
        return with_lane(super().routed(), self.model.base_url)

    async def wrong_besides(self) -> list[str]:
        evidence = await self._evidence()
        file = self.folder / "lanes.json"
        told = {"paid": evidence.paid, "lost": sorted(evidence.lost), "documents": evidence.documents}
        file.write_text(json.dumps(told, default=str))
        return lanes_wrong(evidence)

    def figures_besides(self) -> Mapping[str, int]:
        book = self.model.batches
        return {"batches": len(book.jobs), "lines": book.paid.total(), "lines lost": len(book.lost)}

    async def _evidence(self) -> LanesEvidence:
        requests = await self.documents()
        orphans = [await self.scanned(f"{path}/orphans") for path in requests]
        found = {**requests, **await self.documents("batches")}
        found |= {path: fields for each in orphans for path, fields in each.items()}
        book = self.model.batches
        documents = {path: dict(fields) for path, fields in found.items()}
        return LanesEvidence(dict(book.paid), book.lost, book.jobs, documents)


async def live_lanes(shape: Shape, emulators: Emulators, folder: Path, tell: Tell) -> Outcome:
    """Live through one seed on running emulators. Each needs a project, and a folder, of its own."""
    work = workload(shape.seed, shape.requests, shape.during_s, KINDS)
    async with LanesModel(shape.seed, latency_s=LATENCY_S, ledger=folder / "calls.jsonl") as model:
        model.by_id = dict(work.behaviours)
        stage = LanesStage(
            emulators, f"pen-lanes-{shape.seed}-{time.time_ns() % 10**9}", folder, handlers=shape.handlers,
            batchers=BATCHERS, disorder=disorder_of(shape.seed), time_scale=shape.time_scale, model=model,
            env={"PENSTOCK_PRICES": price_list(folder)}, longest={LAZY: MAX_OUTPUT, PROMPT: MAX_OUTPUT},
        )  # fmt: skip
        return await through(stage, shape, work, tell)
