"""One seed from beginning to end: ask, hurt, come to rest, repair, redrive, come to rest, check."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock_ops.emulation.disorder import Disorder
from penstock_ops.emulation.emulators import Emulators
from tests.chaos.processes.explain import Surplus
from tests.chaos.processes.provider import Model
from tests.chaos.processes.runs.check import figures, found_wrong
from tests.chaos.processes.runs.stage import RunStage
from tests.chaos.processes.runs.workload import RunsAsked, Sent, runs_asked
from tests.chaos.processes.strikes import CUTS, Blow
from tests.chaos.processes.trouble import Planned, Trouble, plan

#: Latency of an answer that is not told otherwise.
_LATENCY_S = 0.1
#: Deliveries in flight per function, half of what one takes in the cloud: Google's emulator reads every
#: document there is for each query, and among many at once none is answered within its time.
_AT_ONCE = 40


@dataclass(frozen=True, slots=True)
class Shape:
    """How large it is. Durations in seconds."""

    seed: int
    runs: int
    items: int
    kills: int
    pauses: int
    cuts: int
    #: Over this long everything is published and every blow is dealt.
    during_s: float
    handlers: int = 2
    run_handlers: int = 2
    time_scale: float = 10.0
    #: Until everything must be at rest, counted from the last blow; once more after the redrives.
    rest_s: float = 300.0


@dataclass(slots=True)
class Outcome:
    """What became of one seed."""

    seed: int
    violations: list[str] = field(default_factory=list)
    surplus: list[Surplus] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


async def live(shape: Shape, emulators: Emulators, folder: Path) -> Outcome:
    """Live through one seed on running emulators. Each needs a folder of its own."""
    started, outcome = time.monotonic(), Outcome(shape.seed)
    asked = runs_asked(shape.seed, shape.runs, shape.items, shape.during_s)
    async with (
        Model(latency_s=_LATENCY_S, ledger=folder / "calls.jsonl") as model,
        _stage(shape, emulators, folder, model) as stage,
    ):
        model.by_id = dict(asked.behaviours)
        stage.watch(asked.runs)
        async with asyncio.TaskGroup() as group:
            group.create_task(_publish(stage, asked.sent))
            group.create_task(Trouble(stage.instances, stage.strikes).deal(_blows(shape, stage)))
        at_rest = await _rest(stage, shape.rest_s)
        model.repair()
        repaired_at = time.time()
        redriven = await stage.redrive() if at_rest else 0
        at_rest = at_rest and await _rest(stage, shape.rest_s)
        await _judge(outcome, stage, asked, at_rest, repaired_at)
    outcome.figures["redriven"] = redriven
    outcome.seconds = time.monotonic() - started
    return outcome


def _stage(shape: Shape, emulators: Emulators, folder: Path, model: Model) -> RunStage:
    disorder = Disorder(shape.seed, duplicate=0.1, delay=0.15, drop=0.03, lose_answer=0.05, max_delay_s=1.0)
    return RunStage(
        emulators, f"pen-runs-{shape.seed}-{time.time_ns() % 10**9}", folder, handlers=shape.handlers,
        disorder=disorder, time_scale=shape.time_scale, model=model, run_handlers=shape.run_handlers,
        max_in_flight=_AT_ONCE,
    )  # fmt: skip


def _blows(shape: Shape, stage: RunStage) -> list[Planned]:
    return plan(
        shape.seed, functions=len(stage.instances), kills=shape.kills, pauses=shape.pauses,
        cuts=shape.cuts, during_s=shape.during_s, lease_s=stage.timing.lease_s,
    )  # fmt: skip


async def _publish(stage: RunStage, sent: Sequence[Sent]) -> None:
    start = time.monotonic()
    for message in sent:
        await asyncio.sleep(max(0.0, start + message.at - time.monotonic()))
        await stage.tell(message.data, message.attributes)


async def _rest(stage: RunStage, within_s: float) -> bool:
    """Whether everything came to rest; a run that stands paused is released."""
    releasing = asyncio.create_task(stage.release())
    try:
        return await stage.rest(within_s)
    finally:
        releasing.cancel()
        await asyncio.gather(releasing, return_exceptions=True)


async def _judge(
    outcome: Outcome, stage: RunStage, asked: RunsAsked, at_rest: bool, repaired_at: float
) -> None:
    outcome.violations, outcome.surplus = await found_wrong(stage, asked, at_rest, repaired_at)
    outcome.figures = figures(stage, await stage.run_documents())
    outcome.figures.update(
        members=len(await stage.documents()),
        deliveries=stage.bridge.counts["posted"],
        kills=stage.strikes.count(Blow.KILL),
        pauses=stage.strikes.count(Blow.PAUSE),
        cuts=stage.strikes.count(*CUTS),
        busy=stage.strikes.count(Blow.BUSY),
    )
