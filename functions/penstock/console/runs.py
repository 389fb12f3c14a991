"""Runs: a tenant's, and one with its steps, what failed in it, and what can be told to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.console import audit
from penstock.console.asked import Asked, checked
from penstock.console.desk import Desk
from penstock.console.failed_rows import FailedRow, failed_rows
from penstock.console.page import Page, Wrong, drawn, gone_to
from penstock.errors import BadMessage, PenstockError
from penstock.messages.request import TENANT_LIMIT
from penstock.paths import RUNS, run_path
from penstock.runs.kept import definition_of
from penstock.runs.message import RUN_ID_LIMIT, Verb
from penstock.runs.record import Closed, Run, Stage
from penstock.runs.telling import standing, tell, verb_fault
from penstock.services import Services

#: Runs of a page.
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A run, or a step of one, in one line. `usd` None: it is not known yet."""

    name: str
    standing: str
    ok: int
    failed: int
    total: int
    usd: float | None = None
    unknown: int = 0

    @property
    def wide(self) -> float:
        """How far it is, in per cent; the pieces of a split are more than its items."""
        return round(min(100.0, (self.ok + self.failed) / self.total * 100), 1) if self.total else 100.0


async def runs(desk: Desk, asked: Asked) -> Page:
    """Raises Wrong, StoreError."""
    tenant, after = asked.tenant(), asked.query.get("after", "")
    if after:
        checked("place to go on from", after)
    s = desk.s
    collection = f"tenants/{tenant}/{RUNS}"
    found = await s.store.scan(collection, after=after, limit=PAGE, timeout_s=s.timing.read_s)
    known = []
    for snapshot in found:
        try:
            known.append(Run.decode(snapshot.fields or {}))
        except BadMessage:
            continue
    known.sort(key=lambda run: run.created_at, reverse=True)
    more = found[-1].path.rpartition("/")[2] if len(found) == PAGE else ""
    lines = [(run, _line(run)) for run in known]
    return drawn("runs.html", asked=asked, tenant=tenant, lines=lines, on=desk.runs, more=more)


async def run(s: Services, asked: Asked, tenant: str, run_id: str) -> Page:
    """Raises Wrong, StoreError, BlobError."""
    one = await _read(s, tenant, run_id)
    told = await _told(s, one)
    rows: Sequence[FailedRow] = ()
    if asked.query.get("show") == "failed":
        asked.to_act()
        rows = await failed_rows(s, one)
    verbs = [verb for verb in Verb if not verb_fault(verb, one)]
    return drawn("run.html", asked=asked, verbs=verbs, rows=rows, show=asked.query.get("show"), **told)


async def run_now(s: Services, asked: Asked, tenant: str, run_id: str) -> Page:
    """The part of that page that is looked at again and again."""
    return drawn("run_now.html", **await _told(s, await _read(s, tenant, run_id)))


async def tell_run(desk: Desk, asked: Asked, tenant: str, run_id: str) -> Page:
    """Raises Wrong, StoreError, PublishFailed."""
    if not desk.runs:
        raise Wrong(409, "Runs are switched off here.")
    try:
        verb = Verb(asked.given("verb"))
    except ValueError:
        raise Wrong(400, f"There is no such word to a run: choose one of {', '.join(Verb)}.") from None
    one = await _read(desk.s, tenant, run_id)
    if fault := verb_fault(verb, one):
        raise Wrong(409, fault[0].upper() + fault[1:])
    about = f"run {run_id} of {tenant}, which was {standing(one)}"
    name = await audit.begin(desk.s, asked, f"{verb} a run", about)
    try:
        await tell(desk.s, one, verb)
    except PenstockError as error:
        await audit.end(desk.s, name, "failed", str(error))
        raise
    await audit.end(desk.s, name, "done", about)
    return gone_to(f"/run/{tenant}/{run_id}")


async def _read(s: Services, tenant: str, run_id: str) -> Run:
    path = run_path(checked("tenant", tenant, TENANT_LIMIT), checked("run", run_id, RUN_ID_LIMIT))
    [found] = await s.store.read([path], timeout_s=s.timing.read_s)
    if found.fields is None:
        raise Wrong(404, f"Tenant {tenant} has no run {run_id}.")
    try:
        return Run.decode(found.fields)
    except BadMessage as error:
        raise Wrong(404, str(error)) from None


async def _told(s: Services, one: Run) -> dict[str, Any]:
    names = await _step_names(s, one)
    stages: list[Closed | Stage] = [*one.closed, *([one.stage] if one.stage else [])]
    steps = [_step(stage, names) for stage in stages]
    return {"run": one, "standing": standing(one), "steps": steps, "whole": _line(one), "at": s.clock.now()}


async def _step_names(s: Services, one: Run) -> list[str]:
    """Empty where this release cannot read its definition."""
    try:
        return [step.id for step in (await definition_of(s, one)).steps]
    except BadMessage:
        return []


def _step(stage: Closed | Stage, names: Sequence[str]) -> Line:
    name = names[stage.step] if stage.step < len(names) else f"step {stage.step + 1}"
    level = f", level {stage.level + 1}" if stage.level else ""
    if isinstance(stage, Stage):
        return Line(name + level, "under way", stage.ok, stage.failed, stage.total)
    word = "over" if stage.is_whole else "over, not whole"
    usd = stage.nano_usd / 1e9
    return Line(name + level, word, stage.ok, stage.failed, stage.total, usd, stage.cost_unknown)


def _line(one: Run) -> Line:
    """A run by the step where it is, or ended."""
    last = one.stage or (one.closed[-1] if one.closed else None)
    ok, failed, total = (last.ok, last.failed, last.total) if last else (0, 0, 0)
    usd = sum(closed.nano_usd for closed in one.closed) / 1e9
    unknown = sum(closed.cost_unknown for closed in one.closed)
    return Line(one.run_id, standing(one), ok, failed, total, usd, unknown)
