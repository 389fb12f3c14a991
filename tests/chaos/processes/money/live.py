"""One seed from beginning to end: ask for more than the budget, hurt, lower it, come to rest, give money,
redrive, come to rest, check."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.money.limits import NANO
from penstock_ops.emulation.emulators import Emulators
from tests.chaos.processes.lanes.live import BATCHERS
from tests.chaos.processes.lanes.workload import KINDS
from tests.chaos.processes.live import disorder_of, publish, redrive
from tests.chaos.processes.money.bills import BillingModel, price_list
from tests.chaos.processes.money.check import Looked, MoneyEvidence, money_wrong
from tests.chaos.processes.money.lanes import BillingLanesModel, MoneyLanesStage
from tests.chaos.processes.money.stage import MoneyStage
from tests.chaos.processes.records import keep_money
from tests.chaos.processes.strikes import CUTS, Blow
from tests.chaos.processes.trouble import Trouble, plan
from tests.chaos.processes.workload import CALM, Workload, workload
from tests.servers.openai_server import PROMPT_ID

_LATENCY_S = 0.2
#: Shares of the whole budget that others have, and what everybody has once there is money enough.
_SHARES = (("tenant:acme", "day", 0.6, "fail"), (f"target:{CALM}", "month", 0.8, "park"))
_PLENTY_USD = 1000.0
#: When the budget is lowered, and to what share of it; and until everybody knows, times the scale.
_LOWERED_AT, _LOWERED, _HEARD_S = 0.6, 0.7, 10.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How large it is. Durations in seconds; `callers` ask one question each, within `during_s`."""

    seed: int
    budget_usd: float
    callers: int
    processes: int
    kills: int
    pauses: int
    cuts: int
    during_s: float
    time_scale: float = 10.0
    rest_s: float = 300.0
    #: With lanes that wait, and batchers.
    lanes: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of one seed."""

    seed: int
    evidence: MoneyEvidence
    violations: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


async def live(shape: Shape, emulators: Emulators, folder: Path) -> Outcome:
    """Live through one seed on running emulators. Each needs a folder of its own."""
    started = time.monotonic()
    work = _modest(workload(shape.seed, shape.callers, shape.during_s, KINDS if shape.lanes else None))
    async with (
        _model(shape, folder) as model,
        _stage(shape, emulators, folder, model) as stage,
    ):
        model.by_id = dict(work.behaviours)
        await stage.switched_on(shape.rest_s)
        looked = await _under_fire(shape, stage, work)
        # The budget is spent, nobody is under way: then there is money, and a provider that answers.
        at_rest = await stage.quiet(shape.rest_s)
        looked.append(Looked("at rest", model.bill, _nano(shape.budget_usd)))
        model.repair()
        for scope, period, _, on_exhausted in _budgets():
            await stage.set_budget(scope, period, _PLENTY_USD, on_exhausted)
        at_rest = at_rest and await stage.rest(shape.rest_s)
        redriven = await redrive(stage) if at_rest else []
        at_rest = at_rest and await stage.rest(shape.rest_s) and await stage.closed(shape.rest_s)
        outcome = await _judged(stage, shape, looked, at_rest)
    outcome.figures["redriven"] = len(redriven)
    outcome.seconds = time.monotonic() - started
    return outcome


def _model(shape: Shape, folder: Path) -> BillingModel:
    told: dict[str, Any] = {"latency_s": _LATENCY_S, "ledger": folder / "calls.jsonl"}
    return BillingLanesModel(shape.seed, **told) if shape.lanes else BillingModel(**told)


def _modest(work: Workload) -> Workload:
    """No answer is longer than its target's longest: no budget can hold against that."""
    work.behaviours = {
        name: behaviour
        for name, behaviour in work.behaviours.items()
        if behaviour.kind != "huge" and not behaviour.number("size", 0)
    }
    return work


def _budgets() -> list[tuple[str, str, float, str]]:
    """Scope, period, share of the whole, and what becomes of whom it refuses."""
    return [("all", "month", 1.0, "fail"), *_SHARES]


def _stage(shape: Shape, emulators: Emulators, folder: Path, model: BillingModel) -> MoneyStage:
    budgets = [
        {"scope": scope, "period": period, "usd": round(share * shape.budget_usd, 6), "on_exhausted": way}
        for scope, period, share, way in _budgets()
    ]
    project = f"pen-money-{shape.seed}-{time.time_ns() % 10**9}"
    told: dict[str, Any] = {
        "handlers": shape.processes, "disorder": disorder_of(shape.seed), "time_scale": shape.time_scale,
        "env": {"PENSTOCK_BUDGETS": json.dumps(budgets), "PENSTOCK_PRICES": price_list(folder)},
    }  # fmt: skip
    if isinstance(model, BillingLanesModel):
        return MoneyLanesStage(emulators, project, folder, model=model, batchers=BATCHERS, **told)
    return MoneyStage(emulators, project, folder, model=model, **told)


async def _under_fire(shape: Shape, stage: MoneyStage, work: Workload) -> list[Looked]:
    blows = plan(
        shape.seed, functions=len(stage.instances), kills=shape.kills, pauses=shape.pauses, cuts=shape.cuts,
        during_s=shape.during_s, lease_s=stage.timing.lease_s,
    )  # fmt: skip
    async with asyncio.TaskGroup() as group:
        group.create_task(publish(stage, work.messages))
        group.create_task(Trouble(stage.instances, stage.strikes).deal(blows))
        lowering = group.create_task(_lower(shape, stage))
    capped = lowering.result()
    return [Looked("after the budget was lowered", stage.model.bill, capped)]


async def _lower(shape: Shape, stage: MoneyStage) -> int:
    """What may be billed at most from then on: the lowered budget, or what was spent and held when everybody
    knew of it."""
    await asyncio.sleep(shape.during_s * _LOWERED_AT)
    usd = round(shape.budget_usd * _LOWERED, 6)
    await stage.set_budget("all", "month", usd, "fail")
    await asyncio.sleep(_HEARD_S / shape.time_scale + _still_s(stage))
    held = await stage.held_nano()  # first: a call that ends meanwhile stands in both then, and never in none
    return max(_nano(usd), held + stage.model.bill)


def _still_s(stage: MoneyStage) -> float:
    """How long a function that stands still may not hear of it: it goes on with what it knew."""
    return 1.5 * stage.timing.lease_s


async def _judged(stage: MoneyStage, shape: Shape, looked: list[Looked], at_rest: bool) -> Outcome:
    documents = await stage.money_documents()
    unacked = await stage.unacked()
    calls = stage.model.ledger.calls
    looked.append(Looked("in the end", stage.model.bill, _nano(_PLENTY_USD)))
    results = [json.loads(message.data) for message in stage.results.messages]
    # What the topic carried last may not have been pulled yet; it lies in its document.
    results += [fields["result"] for fields in documents.values() if fields.get("result")]
    evidence = MoneyEvidence(
        looked, stage.model.bill, _bills(stage), results, documents, at_rest and not unacked,
        [path for path, fields in documents.items() if "/requests/" in path and not _is_answered(fields)],
        [line for line in stage.log_lines() if "delivery.crashed" in line or "budget.failed" in line],
    )  # fmt: skip
    keep_money(stage.folder, documents, results, stage.strikes.dealt)
    figures = Counter(
        requests=sum("/requests/" in path for path in documents),
        allotments=sum(path.startswith("allotments/") and "/drawn/" not in path for path in documents),
        calls=len(calls),
        paid=len(stage.model.billed),
        billed_nano=next(look.billed for look in looked if look.when == "at rest"),
        refused=sum((result["error"] or {}).get("reason") == "budget_exhausted" for result in results),
        kills=stage.strikes.count(Blow.KILL),
        pauses=stage.strikes.count(Blow.PAUSE),
        cuts=stage.strikes.count(*CUTS),
        busy=stage.strikes.count(Blow.BUSY),
        **stage.figures_besides(),
    )
    return Outcome(shape.seed, evidence, [*money_wrong(evidence), *await stage.wrong_besides()], figures)


def _bills(stage: MoneyStage) -> dict[tuple[str, str], int]:
    """By request, where its question is its own: who shared one knows not which of them was called for."""
    bills: dict[tuple[str, str], int] = {}
    for sent in stage.published:
        asked = PROMPT_ID.search(sent.data.decode(errors="replace"))
        tenant, _, name = asked.group(1).partition(".") if asked else ("", "", "")
        if name.startswith("r") and not name.endswith("-other"):
            bills[tenant, name] = stage.model.bill_of(f"{tenant}.{name}")
    return bills


def _is_answered(fields: Mapping[str, Any]) -> bool:
    return bool(fields.get("result")) and fields["result"]["status"] == "completed"


def _nano(usd: float) -> int:
    return round(usd * NANO)
