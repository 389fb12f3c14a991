"""The fault matrix: every I/O step of every path × every fault × alone, in company, and late.

The rows are not written down: a clean run of each scenario records its steps, and then every one of them
goes wrong in every way. `pairs` goes through every ordered pair of faults of one scenario.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

from penstock.messages.envelope import format_time
from penstock.messages.request import Request
from tests.chaos.checker import SECRET, violations
from tests.chaos.evidence import Evidence, collect
from tests.chaos.faults import TRANSIENT, AtSteps, Fault, Plan
from tests.chaos.loop import run_virtual
from tests.chaos.provider import Reply
from tests.chaos.sums import Sums
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape, World, world

#: Nothing of a matrix cell takes longer than this to come to rest, in seconds.
_REST_S = 2 * 3600.0


@dataclass(frozen=True, slots=True)
class Path:
    """One way through the code: what is asked, one after the other or `at_once`, and the model's replies."""

    name: str
    bodies: tuple[dict[str, Any], ...]
    replies: tuple[Reply, ...] = ()
    at_once: bool = False
    redriven: bool = False
    #: Whether faults of store and bus may not change the number of paid calls. A refusal is shared with
    #: those who wait for it, not with those who come later.
    exact: bool = True
    #: Faults that are part of the path: what comes after them is what is looked at.
    dealt: tuple[tuple[int, Fault], ...] = ()


def _ask(said: str = "hello", **more: Any) -> dict[str, Any]:
    return {"prompt": f"{SECRET} {said}"} | more


_BROKEN = Reply("broken", 0.2)
_THROTTLED = Reply("throttled", 0.1, 60.0)
_LONG = 300_000

PATHS = (
    Path("plain", (_ask(cache="off"),)),
    Path("cold key", (_ask(),)),
    Path("cache hit", (_ask(), _ask())),
    Path("follower", (_ask(), _ask()), at_once=True),
    Path("refused", (_ask(),), (Reply("rejected", 0.2),)),
    Path("refused together", (_ask(), _ask()), (Reply("filtered", 0.2),), at_once=True, exact=False),
    Path("broken twice", (_ask(),), (_BROKEN, _BROKEN)),
    Path("throttled", (_ask(),), (_THROTTLED,)),
    Path("follower of a parked leader", (_ask(), _ask()), (_THROTTLED,), at_once=True),
    Path("fallback", (_ask(model="two"),), (_BROKEN,)),
    Path("long", (_ask("y" * _LONG),), (Reply("ok", 1.0, padding=_LONG),)),
    Path("taken over", (_ask(cache="off"),), exact=False, dealt=((1, Fault.KILL_AFTER),)),
    Path("fenced out", (_ask(),), exact=False, dealt=((1, Fault.PAUSE_AFTER),)),
    Path("redriven", (_ask(max_wait_s=5),), (_THROTTLED, _THROTTLED), redriven=True),
)

#: How each push is delivered: once; twice at the same time; once more after the lease.
COMPANY: dict[str, tuple[float, tuple[float, ...]]] = {
    "alone": (0.0, (0.0,)),
    "concurrent duplicate": (1.0, (0.0,)),
    "redelivery after the lease": (1.0, (70.0,)),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One scenario with its faults, by the number of the step that they hit."""

    path: Path
    company: str
    faults: tuple[tuple[int, Fault], ...]

    def __str__(self) -> str:
        faults = ", then ".join(f"{fault} at step {number}" for number, fault in self.faults)
        return f"{self.path.name} / {self.company} / {faults}"


@dataclass(slots=True)
class Figures(Sums):
    """What a run of the matrix found. `covered`: cells that were not run again, see run_cells."""

    cells: int = 0
    covered: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    #: Each cell by its name with what is wrong in it.
    broken: list[tuple[str, list[str]]] = field(default_factory=list)


def steps(path: Path, company: str) -> tuple[list[str], Evidence]:
    """The steps of a clean run, in order."""
    return _clean(path.name, company)


@cache
def _clean(name: str, company: str) -> tuple[list[str], Evidence]:
    [path] = [path for path in PATHS if path.name == name]
    plan = AtSteps(dict(path.dealt))
    evidence = run_virtual(_live(path, company, plan))
    return plan.steps, evidence


def cells(path: Path, company: str) -> Iterator[Cell]:
    """Every single fault at every step."""
    for number, fault in itertools.product(rows(path, company), Fault):
        yield Cell(path, company, (*path.dealt, (number, fault)))


def pairs(path: Path, company: str, first: int, one: Fault) -> Iterator[Cell]:
    """Every fault at every later step than `first`, where `one` is dealt."""
    later = (number for number in rows(path, company) if number > first)
    for second, other in itertools.product(later, Fault):
        yield Cell(path, company, (*path.dealt, (first, one), (second, other)))


def run_cells(todo: Iterable[Cell], *, until: float | None = None) -> Figures:
    """Run cells until they end, or until `until` (monotonic seconds).

    A run that ends before the step of its last fault is the same run as without that fault. It stands for all
    cells that differ from it only in a last fault that would strike as late or later: they count as covered.
    """
    figures, ends = Figures(), dict[tuple[Any, ...], int]()
    for cell in todo:
        if until is not None and time.monotonic() > until:
            break
        figures.cells += 1
        figures.faults.update(str(fault) for _, fault in cell.faults)
        same = (cell.path.name, cell.company, cell.faults[:-1])
        last = cell.faults[-1][0]
        if same in ends and last >= ends[same]:
            figures.covered += 1
            continue
        _, found, taken = run_cell(cell)
        if last >= taken:
            ends[same] = taken
        if found:
            figures.broken.append((str(cell), found))
    return figures


def run_cell(cell: Cell) -> tuple[Evidence, list[str], int]:
    """What is left of one cell, every broken assertion, and how many steps it took.

    One fault explains one surplus call, a passing one of store or bus none at all.
    """
    plan = AtSteps(dict(cell.faults))
    evidence = run_virtual(_live(cell.path, cell.company, plan))
    found = violations(evidence)
    excuses = sum(
        fault not in TRANSIENT or "provider" in happened.step
        for (_, fault), happened in zip(cell.faults, evidence.happened, strict=False)
    )
    paid, when_clean = _paid(evidence), _paid(steps(cell.path, cell.company)[1])
    if cell.path.exact and len(cell.faults) == 1 and paid > when_clean + excuses:
        found.append(f"{paid} paid calls, {when_clean} without faults")
    return evidence, found, len(plan.steps)


def rows(path: Path, company: str) -> list[int]:
    """Step numbers; of the sweeper's many equal queries in a row the first stands for all."""
    names, _ = steps(path, company)
    return [
        number
        for number, name in enumerate(names)
        if not (name.startswith("store.find") and number and names[number - 1] == name)
    ]


def _paid(evidence: Evidence) -> int:
    return sum(call.paid for call in evidence.calls)


async def _live(path: Path, company: str, plan: Plan) -> Evidence:
    likely, later_s = COMPANY[company]
    shape = Shape(ROUTES, seed=7, instances=2, duplicates=likely, later_s=later_s)
    replies = iter(path.replies)
    log = io.StringIO()

    def script(request: Request, target: str, at: float) -> Reply:
        return next(replies, Reply())

    with contextlib.redirect_stdout(log):
        async with world(shape, script, plan) as made:
            for number, body in enumerate(path.bodies):
                await made.publish(json.dumps(body | {"request_id": f"r{number}"}).encode(), {})
                if not path.at_once:
                    await made.rest(_REST_S)
            await made.rest(_REST_S)
            if path.redriven:
                await _redrive(made, path.bodies[0])
            await asyncio.sleep(100)  # late copies
            await made.rest(_REST_S)
            return await collect(made, log.getvalue())


async def _redrive(made: World, body: dict[str, Any]) -> None:
    attributes = {
        "penstock_kind": "redrive",
        "tenant": "default",
        "request_id": "r0",
        "redrive_count": "1",
        "deadline": format_time(made.clock.now() + timedelta(days=1)),
    }
    await made.publish(json.dumps(body | {"request_id": "r0"}).encode(), attributes)
