"""One seed from beginning to end: ask, hurt, come to rest, repair, redrive, come to rest, check."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from penstock.messages.redrive import Redrive
from penstock_ops.emulation.disorder import Disorder
from penstock_ops.emulation.emulators import Emulators
from tests.chaos.processes.check import failures, found_wrong, not_completed
from tests.chaos.processes.explain import Surplus
from tests.chaos.processes.provider import Model
from tests.chaos.processes.stage import Stage
from tests.chaos.processes.strikes import CUTS, Blow
from tests.chaos.processes.trouble import Trouble, plan
from tests.chaos.processes.workload import Message, Workload, workload

#: Tells what is going on: how much is answered, and a word.
Tell = Callable[[int, str], None]
#: Latency of an answer that is not told otherwise.
LATENCY_S = 0.2


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a run is. Durations in seconds."""

    seed: int
    requests: int
    kills: int
    pauses: int
    cuts: int
    #: Over this long everything is published and every blow is dealt.
    during_s: float
    handlers: int = 3
    time_scale: float = 10.0
    #: Until everything must be at rest, counted from the last blow; once more after the redrives.
    rest_s: float = 150.0


@dataclass(slots=True)
class Outcome:
    """What became of one seed."""

    seed: int
    violations: list[str] = field(default_factory=list)
    surplus: list[Surplus] = field(default_factory=list)
    #: By name: requests, kills, calls, …
    figures: Counter[str] = field(default_factory=Counter)
    #: Results by status or reason and cache.
    results: Counter[str] = field(default_factory=Counter)
    blows: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


async def live(shape: Shape, emulators: Emulators, folder: Path, tell: Tell) -> Outcome:
    """Live through one seed on running emulators. Each needs a project, and a folder, of its own."""
    work = workload(shape.seed, shape.requests, shape.during_s)
    async with Model(latency_s=LATENCY_S, ledger=folder / "calls.jsonl") as model:
        model.by_id = dict(work.behaviours)
        stage = Stage(
            emulators, f"pen-chaos-{shape.seed}-{time.time_ns() % 10**9}", folder, handlers=shape.handlers,
            disorder=disorder_of(shape.seed), time_scale=shape.time_scale, model=model,
        )  # fmt: skip
        return await through(stage, shape, work, tell)


async def through(stage: Stage, shape: Shape, work: Workload, tell: Tell) -> Outcome:
    """The same on a stage that is not entered yet: it is entered, judged, and left."""
    started, model = time.monotonic(), stage.model
    async with stage:
        blows = plan(
            shape.seed, functions=len(stage.instances), kills=shape.kills, pauses=shape.pauses,
            cuts=shape.cuts, during_s=shape.during_s, lease_s=stage.timing.lease_s,
        )  # fmt: skip
        async with asyncio.TaskGroup() as group:
            group.create_task(publish(stage, work.messages, tell))
            group.create_task(Trouble(stage.instances, stage.strikes).deal(blows))
        tell(len(stage.results.messages), "coming to rest")
        at_rest = await stage.rest(shape.rest_s, quiet_s=0.5)
        model.repair()
        repaired_at = time.time()
        redriven = await redrive(stage) if at_rest else []
        tell(len(stage.results.messages), f"{len(redriven)} redriven")
        at_rest = at_rest and await stage.rest(shape.rest_s)
        outcome = await _judge(stage, shape, at_rest, repaired_at, redriven)
    outcome.seconds = time.monotonic() - started
    return outcome


def disorder_of(seed: int) -> Disorder:
    """What the bridge does to deliveries."""
    return Disorder(seed, duplicate=0.1, delay=0.15, drop=0.03, lose_answer=0.05, max_delay_s=1.0)


def _untold(answered: int, what: str) -> None:
    """To nobody."""


async def publish(stage: Stage, messages: Sequence[Message], tell: Tell = _untold) -> None:
    """Every message at its moment."""
    start = time.monotonic()
    for message in messages:
        await asyncio.sleep(max(0.0, start + message.at - time.monotonic()))
        await stage.send(message.data)
        tell(len(stage.results.messages), "under fire")


async def redrive(stage: Stage) -> list[dict[str, str]]:
    """Put every failed request back, as an operator does once the provider works again."""
    letters = failures(stage)
    deadline = datetime.now(UTC) + timedelta(hours=1)
    for data, letter in letters:
        count = int(letter["redrive_count"]) + 1
        redrive = Redrive(letter["tenant"], letter["request_id"], count, deadline)
        await stage.send(data, redrive.encode())
    return [letter for _, letter in letters]


async def _judge(
    stage: Stage, shape: Shape, at_rest: bool, repaired_at: float, redriven: Sequence[dict[str, str]]
) -> Outcome:
    outcome = Outcome(shape.seed)
    outcome.violations, outcome.surplus = await found_wrong(stage, at_rest, repaired_at)
    outcome.violations += not_completed(stage, redriven)
    outcome.violations += await stage.wrong_besides()
    documents = await stage.documents()
    for document in documents.values():
        outcome.results[_ended(document.get("result"))] += 1
    outcome.blows.update(str(strike.blow) for strike in stage.strikes.dealt)
    calls = stage.model.ledger.calls
    outcome.figures.update(
        requests=len(documents),
        published=len(stage.published),
        deliveries=stage.bridge.counts["posted"],
        acked=stage.bridge.counts["acked"],
        results=len(stage.results.messages),
        letters=len(stage.dead_letters.messages),
        redriven=len(redriven),
        kills=stage.strikes.count(Blow.KILL),
        pauses=stage.strikes.count(Blow.PAUSE),
        cuts=stage.strikes.count(*CUTS),
        busy=stage.strikes.count(Blow.BUSY),
        calls=len(calls),
        paid=sum(call.billed for call in calls),
        changes=len(stage.history.written),
        log_lines=len(stage.log_lines()),
        **stage.figures_besides(),
    )
    return outcome


def _ended(result: object) -> str:
    if not isinstance(result, dict):
        return "unfinished"
    return str(result["error"]["reason"]) if result["error"] else f"completed ({result['cache']})"
