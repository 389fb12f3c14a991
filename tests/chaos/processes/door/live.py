"""One seed from beginning to end: ask, hurt, come to rest, ask once more, check."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from penstock_ops.emulation.disorder import Disorder
from penstock_ops.emulation.emulators import Emulators
from tests.chaos.checker import violations
from tests.chaos.evidence import Evidence
from tests.chaos.processes.check import carried, unrecorded
from tests.chaos.processes.door.check import accepted, door_violations, ended
from tests.chaos.processes.door.clients import Heard, ask_all, clients_at
from tests.chaos.processes.door.stage import DoorStage
from tests.chaos.processes.door.workload import Asking, asking
from tests.chaos.processes.explain import Surplus, paid_in_vain, surplus_calls
from tests.chaos.processes.instance import SECRET
from tests.chaos.processes.provider import ANSWER_MARK, Model
from tests.chaos.processes.records import keep
from tests.chaos.processes.strikes import Blow
from tests.chaos.processes.trouble import Planned, Trouble, plan

#: Latency of an answer that is not told otherwise.
_LATENCY_S = 0.3


@dataclass(frozen=True, slots=True)
class Shape:
    """How large it is. Durations in seconds."""

    seed: int
    clients: int
    asks: int
    kills: int
    #: Over this long every kill is dealt.
    during_s: float
    doors: int = 2
    handlers: int = 1
    time_scale: float = 10.0
    rest_s: float = 300.0


@dataclass(slots=True)
class Outcome:
    """What became of one seed."""

    seed: int
    violations: list[str] = field(default_factory=list)
    surplus: list[Surplus] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


async def live(shape: Shape, emulators: Emulators, folder: Path) -> Outcome:
    """Live through one seed on running emulators. Each needs a folder of its own."""
    started, outcome = time.monotonic(), Outcome(shape.seed)
    work = asking(shape.seed, shape.clients, shape.asks)
    async with (
        Model(latency_s=_LATENCY_S, ledger=folder / "calls.jsonl") as model,
        _stage(shape, emulators, folder, model) as stage,
        clients_at(stage.urls, stage.keys) as clients,
    ):
        model.by_id = dict(work.behaviours)
        heard: list[Heard] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(ask_all(clients, work.clients, heard.append))
            group.create_task(Trouble(stage.victims, stage.strikes).deal(_kills(shape, stage)))
        at_rest = await stage.rest(shape.rest_s)
        repeated = [[one for one in client if one.key] for client in work.clients]
        again: list[Heard] = []
        await ask_all(clients, repeated, again.append)
        at_rest = at_rest and await stage.rest(shape.rest_s)
        await _judge(outcome, stage, work, heard, again, at_rest)
    outcome.seconds = time.monotonic() - started
    return outcome


def _stage(shape: Shape, emulators: Emulators, folder: Path, model: Model) -> DoorStage:
    disorder = Disorder(shape.seed, duplicate=0.1, delay=0.15, drop=0.03, lose_answer=0.05, max_delay_s=1.0)
    return DoorStage(
        emulators, f"pen-door-{shape.seed}-{time.time_ns() % 10**9}", folder, handlers=shape.handlers,
        disorder=disorder, time_scale=shape.time_scale, model=model, doors=shape.doors,
    )  # fmt: skip


def _kills(shape: Shape, stage: DoorStage) -> list[Planned]:
    return plan(
        shape.seed, functions=len(stage.victims), kills=shape.kills, pauses=0, cuts=0,
        during_s=shape.during_s, lease_s=stage.timing.lease_s,
    )  # fmt: skip


async def _judge(
    outcome: Outcome, stage: DoorStage, work: Asking, heard: list[Heard], again: list[Heard], at_rest: bool
) -> None:
    strikes, calls = stage.strikes.dealt, stage.model.ledger.calls
    surplus = surplus_calls(calls, stage.model.callers, strikes, float("inf"))
    evidence = await _evidence(stage, heard, at_rest)
    keep(stage.folder, evidence, strikes, surplus)
    wrong = violations(evidence) + unrecorded(stage, evidence)
    wrong += door_violations(work.questions, heard, again, evidence.documents)
    wrong += paid_in_vain(surplus)
    if any(ANSWER_MARK in line for line in stage.log_lines()):
        wrong.append("an answer stands in a log line")
    outcome.violations, outcome.surplus = wrong, surplus
    outcome.ended.update(ended(evidence.documents))
    outcome.figures.update(
        questions=len(work.questions),
        answered=sum(one.text is not None for one in heard),
        requests=sum("/requests/" in path for path in evidence.documents),
        asked_again=len(again),
        kills=stage.strikes.count(Blow.KILL),
        busy=stage.strikes.count(Blow.BUSY),
        calls=len(calls),
        paid=sum(call.billed for call in calls),
    )
    for strike in strikes:
        if strike.blow is Blow.KILL:
            outcome.figures[f"kills of {strike.instance.partition('-')[0]}"] += 1


async def _evidence(stage: DoorStage, heard: list[Heard], at_rest: bool) -> Evidence:
    documents = await stage.found()
    unacked = await stage.unacked()
    lines = stage.log_lines()
    secrets = [SECRET, *(key.partition(".")[2] for key in stage.keys.values())]
    return Evidence(
        at_rest=at_rest and not unacked,
        calls=(),  # the provider knows questions, not requests: see explain.py
        documents=documents,
        written=(),
        published=accepted(heard),
        results=carried(stage.results.messages),
        letters=carried(stage.dead_letters.messages),
        happened=(),
        crashes=[line for line in lines if "crashed" in line or "Traceback" in line],
        log="\n".join(SECRET for line in lines if any(secret in line for secret in secrets))[:1000],
    )
