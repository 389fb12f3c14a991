"""Simulate a seed: live through its workload, let it come to rest, redrive what failed, check everything."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from penstock.budgets.releasing import release
from penstock.messages.envelope import format_time
from penstock.money.limits import NANO
from tests.chaos.background_stage import KEPT
from tests.chaos.batch_stage import MIXED, with_batches
from tests.chaos.bill_stage import with_bills
from tests.chaos.callback_stage import refusing, register, with_callbacks
from tests.chaos.cascade_stage import with_cascade
from tests.chaos.checker import violations
from tests.chaos.evidence import Evidence, collect
from tests.chaos.lanes_stage import with_every_lane
from tests.chaos.loop import run_virtual
from tests.chaos.money_checker import money_violations
from tests.chaos.money_stage import PRICED, PRICED_LANES, set_limits, with_budgets
from tests.chaos.pace_stage import with_paces
from tests.chaos.provider import JUDGE, VERIFIER
from tests.chaos.run_stage import with_runs
from tests.chaos.similar_stage import judged_before, with_similar
from tests.chaos.sums import Sums
from tests.chaos.workload import ROUTES, TROUBLE_S, Blow, Workload, workload
from tests.chaos.world import TOPICS, Shape, World, world

#: How long after the last trouble everything must be at rest: Retry-After is believed for an hour, the
#: sweeper's longest wait is a quarter, a result's an hour; each may follow the other.
REST_S = 4 * 3600.0
#: What a call takes at most that is kept, once all is repaired.
_REPAIRED_S = 600.0


@dataclass(slots=True)
class Outcome:
    """What became of one seed."""

    seed: int
    violations: list[str]
    evidence: Evidence
    simulated_s: float


@dataclass(slots=True)
class Totals(Sums):
    """Figures over many seeds."""

    seeds: int = 0
    requests: int = 0
    runs: int = 0
    batches: int = 0
    kept: int = 0
    callbacks: int = 0
    calls: int = 0
    paid: int = 0
    redriven: int = 0
    simulated_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[int, list[str]]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        evidence = outcome.evidence
        self.seeds += 1
        self.simulated_s += outcome.simulated_s
        documents = [fields for path, fields in evidence.documents.items() if "/requests/" in path]
        self.requests += len(documents)
        self.runs += sum(path.split("/")[2::2] == ["runs"] for path in evidence.documents)
        self.batches += sum(path.split("/")[2::2] == ["batches"] for path in evidence.documents)
        self.kept += sum(call.target == KEPT.name for call in evidence.calls)
        self.callbacks += sum(path.split("/")[2::2] == ["callbacks"] for path in evidence.documents)
        self.calls += len(evidence.calls)
        self.paid += sum(call.paid for call in evidence.calls)
        self.redriven += sum(fields["redrive_count"] for fields in documents)
        self.faults.update(happened.fault for happened in evidence.happened)
        for fields in documents:
            result = fields.get("result")
            self.statuses[_status(result) if result else "unfinished"] += 1
        if outcome.violations:
            self.failed.append((outcome.seed, outcome.violations))


def _status(result: dict[str, object]) -> str:
    error = result["error"]
    return str(error["reason"]) if isinstance(error, dict) else f"completed ({result['cache']})"


def simulate(seed: int) -> Outcome:
    """Live through one seed."""
    return run_virtual(_live(seed, workload(seed)))


def simulate_many(seeds: Sequence[int], *, until: float | None = None) -> Totals:
    """One after the other, until `until` (monotonic seconds) at most."""
    totals = Totals()
    for seed in seeds:
        if until is not None and time.monotonic() > until:
            break
        totals.add(simulate(seed))
    return totals


@dataclass(frozen=True, slots=True)
class Seeds:
    """Some seeds one after the other: a portion of a long run."""

    first: int
    size: int

    def live(self, until: float | None) -> tuple[Totals, bool]:
        totals = simulate_many(range(self.first, self.first + self.size), until=until)
        return totals, totals.seeds == self.size

    def __str__(self) -> str:
        return f"seeds from {self.first}"


def portions(first: int, count: int, each: int = 25) -> list[Seeds]:
    """`count` seeds from `first` on, in portions."""
    end = first + count
    return [Seeds(start, min(each, end - start)) for start in range(first, end, each)]


async def _live(seed: int, work: Workload) -> Outcome:
    rng = random.Random(seed)
    routes = PRICED if work.limits else ROUTES
    shape = Shape(routes, seed=seed, instances=rng.choice((1, 2, 3)), skew_s=0.4, duplicates=work.duplicates)
    if work.runs:
        shape = with_runs(shape)
    reconciler = None
    if work.paces:
        shape = with_paces(shape, *work.paces)
    if work.refuses:
        shape = with_callbacks(shape, refusing(work.refuses))
    if work.limits and (work.kept is not None or work.batches is not None):
        shape = with_every_lane(shape, PRICED_LANES)
    elif work.kept is not None:
        shape = with_every_lane(shape)
    elif work.batches is not None:
        shape = with_batches(shape, MIXED)
    if work.limits:
        shape = with_budgets(shape)
        if work.kept is None and work.batches is None:  # a bill by days says nothing of lanes that wait
            shape, reconciler = with_bills(shape)
    if work.cascades:
        shape = with_cascade(shape, judged=work.cascades == "judged")
    if work.similar:
        asked = {"verifier": VERIFIER, "judge": JUDGE} if work.similar != "open" else {}
        shape = with_similar(shape, **asked)
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        async with world(shape, work.mood, work.plan) as made:
            if work.limits:
                await set_limits(made, *work.limits)
            if work.batches is not None:
                made.batches.takes_s, made.batches.lag_s = work.batches
            if work.kept is not None:
                made.responses.takes_s = work.kept
            for blow in work.blows:
                asyncio.get_running_loop().call_later(blow.at, _strike, made, blow)
            if work.similar in ("open", "verified"):
                await judged_before(made)
                await judged_before(made, tenant="acme")
            if work.refuses:
                await register(made)
                await register(made, "acme")
            running = made.spawn(_publish_runs(made, work))
            for sent in work.sent:
                await asyncio.sleep(max(0.0, sent.at - made.now()))
                await made.publish(sent.data, sent.attributes)
            await running
            # An operator who sees that money lacks does not wait for the deadlines of a day.
            await made.rest(TROUBLE_S + (REST_S if work.limits else _rest_s(made)))
            await _end_trouble(made, work)
            spent = await _end_want(made, work, log)
            evidence, still_failing = await _redrive(made, log)
            if reconciler is not None:
                reconciler.world = made
                for _ in range(2):  # the second day that it looks, nothing comes back again
                    await reconciler.wake(REST_S)
                evidence = await collect(made, log.getvalue())
            return Outcome(seed, violations(evidence) + still_failing + spent, evidence, made.now())


def _rest_s(made: World) -> float:
    """Where a lane waits, a redrive may wait for most of its day."""
    return REST_S + (30 * 3600 if TOPICS.batches in made.shape.stories else 0)


async def _publish_runs(made: World, work: Workload) -> None:
    for sent in work.runs:
        await asyncio.sleep(max(0.0, sent.at - made.now()))
        await made.bus.publish(TOPICS.runs, sent.data, sent.attributes, timeout_s=15)


def _strike(made: World, blow: Blow) -> None:
    """Some instance dies, stands still, or is told to end."""
    instance = made.rng.choice(made.instances)
    match blow.kind:
        case "kill":
            instance.kill("at random")
        case "pause":
            instance.pause(blow.lasts_s, "at random")
        case "terminate":
            instance.terminate()


async def _end_trouble(made: World, work: Workload) -> None:
    work.mood.until = 0.0
    work.plan.faults.until = 0.0
    work.plan.stretches.clear()
    made.responses.takes_s = min(made.responses.takes_s, _REPAIRED_S)


async def _end_want(made: World, work: Workload, log: io.StringIO) -> list[str]:
    """Raise the budgets, as an operator does, and wake who waits; every way in which they did not hold."""
    if not work.limits:
        return []
    broken = list(money_violations(await collect(made, log.getvalue())))
    await set_limits(made, *(limit._replace(nano=NANO, on_exhausted="park") for limit in work.limits))
    await asyncio.sleep(10)
    await release(made.operator, 30)
    await made.rest(_rest_s(made))
    return broken


async def _redrive(made: World, log: io.StringIO) -> tuple[Evidence, list[str]]:
    """After repair every retriable failure is redriven; all of them must then complete."""
    evidence = await collect(made, log.getvalue())
    originals = {message.message_id: message.data for message in evidence.published}
    failed = _retriable(evidence)
    for path, fields in failed.items():
        attributes = _redrive_of(made, fields["redrive_count"] + 1, evidence.documents[path]["result"])
        await made.publish(originals[fields["message_id"]], attributes)
    if not failed:
        return evidence, []
    await made.rest(_rest_s(made))
    evidence = await collect(made, log.getvalue())
    return evidence, [f"{path}: still fails after repair and redrive" for path in _retriable(evidence)]


def _retriable(evidence: Evidence) -> dict[str, Mapping[str, Any]]:
    """The requests that failed and may be redriven, by path."""
    return {
        path: fields
        for path, fields in evidence.documents.items()
        if "/requests/" in path and ((fields.get("result") or {}).get("error") or {}).get("retriable")
    }


def _redrive_of(made: World, count: int, result: dict[str, str]) -> dict[str, str]:
    return {
        "penstock_kind": "redrive",
        "tenant": result["tenant"],
        "request_id": result["request_id"],
        "redrive_count": str(count),
        "deadline": format_time(made.clock.now() + timedelta(days=1)),
    }


def story_of(evidence: Evidence) -> str:
    """One run for a human reader: everything that was written, called and broken, in order of time."""
    lines = [
        (w.at, f"{w.by:10} wrote {w.path.rpartition('/')[2]} {_brief(w.fields)}") for w in evidence.written
    ]
    lines += [
        (c.at, f"{c.instance:10} called {c.target} for {c.request_id}: {c.kind}, back at {c.answered_at}")
        for c in evidence.calls
    ]
    lines += [(h.at, f"{h.instance:10} FAULT {h.fault} at {h.step}") for h in evidence.happened]
    return "\n".join(f"{at:10.3f} {text}" for at, text in sorted(lines))


def _brief(fields: object) -> str:
    kept = {
        name: value
        for name, value in dict(fields).items()  # type: ignore[call-overload]  # a Mapping of str
        if name not in ("payload", "result", "attempts", "payload_sha256", "published_at", "open_since")
    }
    return json.dumps(kept, default=str)
