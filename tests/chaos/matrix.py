"""The fault matrix: every I/O step of every path × every fault × alone, in company, and late.

The rows are not written down: a clean run of each scenario records its steps, and then every one of them
goes wrong in every way. `pairs` goes through every ordered pair of faults of one scenario: the second strikes
whatever step the first has left or brought about, so recovering goes wrong in every way too.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any

from penstock.cascades.seam import Cascades
from penstock.messages.envelope import format_time
from penstock.messages.request import Request
from penstock.money.limits import Limit
from penstock.requests.seams import Seam
from penstock.runs.message import Told, Verb
from penstock.splits.seam import Splits
from penstock.targets.pace import Pace
from penstock.targets.routes import Route, Routes
from tests.chaos.background_stage import with_background
from tests.chaos.batch_stage import with_batches
from tests.chaos.bill_stage import with_bills
from tests.chaos.callback_stage import in_turn, register, with_callbacks
from tests.chaos.checker import SECRET, violations
from tests.chaos.evidence import Evidence, collect
from tests.chaos.faults import TRANSIENT, AtSteps, Fault, Plan
from tests.chaos.loop import run_virtual
from tests.chaos.money_stage import PRICED, set_limits, with_budgets
from tests.chaos.pace_stage import with_paces
from tests.chaos.provider import JUDGE, VERIFIER, Reply
from tests.chaos.run_stage import ask, mapped, pipeline, with_runs
from tests.chaos.similar_stage import judged_before, with_similar
from tests.chaos.sums import Sums
from tests.chaos.tally import Tally
from tests.chaos.workload import CRM, PATIENT, ROUTES
from tests.chaos.world import TOPICS, Shape, World, world

#: Nothing of a matrix cell takes longer than this to come to rest, in seconds.
_REST_S = 8 * 3600.0

#: How the names of steps without an effect begin.
_READS = (
    *("store.read", "store.find", "store.count", "store.scan", "store.nearest", "blobs.get", "blobs.find"),
    "embedder.embed",
    *("runner.job", "runner.since", "runner.fetch", "later.look"),
)
_OF_READS = tuple(fault for fault in Fault if fault not in (Fault.LOST_RESPONSE, Fault.KILL_AFTER))


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
    seams: tuple[Seam, ...] = ()
    #: Other routes than the usual ones.
    routes: Routes | None = None
    #: Under these budgets.
    limits: tuple[Limit, ...] = ()
    #: Whether the provider's bill is compared in the end.
    billed: bool = False
    #: Under these shared limits.
    paces: tuple[Pace, ...] = ()
    #: A run instead of requests: its message, and what it is told after how many seconds.
    run: Mapping[str, Any] | None = None
    told: tuple[tuple[float, Told], ...] = ()
    #: Whether a route has a lane that waits; and who is asked beside `bodies`, after how many seconds.
    batched: bool = False
    #: Whether a route's provider keeps its calls.
    kept: bool = False
    slow: bool = False
    then: tuple[tuple[float, dict[str, Any]], ...] = ()
    #: Callbacks are on, and their endpoint answers these before it takes what it is told; None: they are off.
    receives: tuple[int | None, ...] | None = None
    #: The default route's setting of similar answers, and whether they are open; None: it has none.
    similar: Mapping[str, Any] | None = None
    opened: bool = False


def _ask(said: str = "hello", **more: Any) -> dict[str, Any]:
    return {"prompt": f"{SECRET} {said}"} | more


_BROKEN = Reply("broken", 0.2)
_THROTTLED = Reply("throttled", 0.1, 60.0)
_LONG = 300_000

_BUDGET = Limit("all", "month", None, 1_000_000_000)

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
    Path("seams", (_ask(),), (_BROKEN,), seams=(Tally(),)),
)

#: The same under budgets: what is held, charged, given back and closed.
MONEY_PATHS = (
    Path("budget", (_ask(cache="off"),), limits=(_BUDGET,)),
    Path("budget of a fallback", (_ask(model="two"),), (_BROKEN,), limits=(_BUDGET,)),
    Path("budget and bill", (_ask(cache="off"),), (_BROKEN,), limits=(_BUDGET,), billed=True),
    Path(
        "budget, a dead holder and the bill",
        (_ask(cache="off"),),
        exact=False,
        dealt=((1, Fault.KILL_AFTER),),
        limits=(_BUDGET,),
        billed=True,
    ),
    Path(
        "budget too small",
        (_ask(max_wait_s=700), _ask("another", max_wait_s=700)),
        (Reply("hangs"),) * 2,
        at_once=True,
        exact=False,
        limits=(_BUDGET._replace(nano=200_000),),
    ),
)


def _run(items: Sequence[Any], *steps: dict[str, Any], **more: Any) -> Mapping[str, Any]:
    return {"run_id": "r", "pipeline": pipeline(*steps), "items": list(items)} | more


def _wait(said: str = "hello", **more: Any) -> dict[str, Any]:
    return _ask(said, **{"max_wait_s": PATIENT} | more)


def _told(verb: Verb, generation: int = 0) -> Told:
    return Told(verb, "default", "r", generation)


_CHAIN = {"id": "c", "map": {"request": ask(), "then": [{"request": ask()}]}}
_CUT = {"id": "cut", "split": {"field": "text", "max_tokens": 4}}
_SUM = {"id": "sum", "reduce": {"request": ask("{{inputs}}"), "max_input_tokens": 45}}
_REJECTED = Reply("rejected", 0.2)
_NO_LINE = Reply("unreadable", 0.2)

#: The same under shared limits: a slot beside the claim, a turn after a wait, another target, a 429.
PACE_PATHS = (
    Path("limit", (_ask(cache="off"),), paces=(Pace("target:a", rpm=60, tpm=9000),)),
    Path(
        "limit and a turn",
        (_ask(cache="off"), _ask("another", cache="off")),
        at_once=True,
        paces=(Pace("target:a", rpm=3), Pace("tenant:default", rpm=4)),
    ),
    Path(
        "limit of a fallback",
        (_ask(model="two"), _ask("another", model="two")),
        at_once=True,
        paces=(Pace("target:b", rpm=1),),
    ),
    Path("limit and a 429", (_ask(),), (_THROTTLED,), paces=(Pace("target:a", rpm=60),)),
)

#: The same of runs: what a message, a page, a chain, a tree, an end and a beginning anew are made of.
RUN_PATHS = (
    Path("run", (), run=_run(["a", "b"])),
    Path("run of pages", (), run=_run(["a", "b"], max_in_flight=1)),
    Path("run of a chain", (), run=_run(["a"], _CHAIN)),
    Path("run of steps", (), run=_run(["a"], mapped(), mapped("then"))),
    Path("run of a tree", (), run=_run(["One two three. Four five six."], _CUT, mapped(), _SUM)),
    Path("run refused", (), run=_run([{"a": "no text"}], mapped(tolerated_failure_count=1))),
    Path("run failed", (), (_REJECTED,), run=_run(["a", "b"], max_in_flight=1), exact=False),
    Path(
        "run cancelled", (), (Reply("ok", 20.0),), run=_run(["a", "b"], max_in_flight=1), exact=False,
        told=((5.0, _told(Verb.CANCEL)),),
    ),
    Path(
        "run redriven", (), (_REJECTED,), run=_run(["a", "b"], mapped(tolerated_failure_count=1)),
        exact=False, told=((3600.0, _told(Verb.REDRIVE, 1)),),
    ),
)  # fmt: skip

#: The same of batches: one that answers, one question asked twice, who cannot wait beside who does, who gets
#: no line, a refusal, and one that is called back.
BATCH_PATHS = (
    Path("batch", (_wait(), _wait("another")), at_once=True, batched=True),
    Path("batch of one question", (_wait(), _wait()), at_once=True, batched=True),
    Path("batch displaced", (_wait(),), at_once=True, batched=True, then=((20.0, _ask()),)),
    Path("batch and alone", (_wait(),), at_once=True, batched=True, then=((260.0, _ask()),), exact=False),
    Path("batch unpaid", (_wait(), _wait("another")), (_THROTTLED,), at_once=True, batched=True),
    Path("batch without a line", (_wait(),), (_NO_LINE,), at_once=True, batched=True),
    Path("batch refused", (_wait(),), (_REJECTED,), at_once=True, batched=True),
    Path("batch called back", (_wait(max_wait_s=7900),), at_once=True, batched=True, slow=True),
)

#: The same of calls that are kept: one that is answered, one question asked twice, one that fails, a refusal,
#: and one that is called back.
KEPT_PATHS = (
    Path("kept", (_ask(model="alone"),), kept=True),
    Path("kept, one question", (_ask(model="alone"), _ask(model="alone")), at_once=True, kept=True),
    Path("kept and throttled", (_ask(model="alone"),), (_THROTTLED,), kept=True),
    Path("kept and failed", (_ask(model="alone"),), (Reply("broken"),), kept=True, exact=False),
    Path("kept and refused", (_ask(model="alone"),), (Reply("filtered"),), kept=True),
    Path(
        "kept and called back", (_ask(model="chooses", max_wait_s=3600),), kept=True, slow=True, exact=False
    ),
)

_TIGHT = _BUDGET._replace(nano=1_500_000)

#: The same of lanes that wait under budgets: what a line and a kept call hold, and are charged.
LANE_MONEY_PATHS = (
    Path("budget of a batch", (_wait(), _wait("another")), at_once=True, batched=True, limits=(_BUDGET,)),
    Path(
        "budget of a batch unpaid", (_wait(), _wait("another")), (_THROTTLED,), at_once=True, batched=True,
        limits=(_BUDGET,),
    ),
    Path(
        "budget of a batch without a line", (_wait(),), (_NO_LINE,), at_once=True, batched=True,
        limits=(_BUDGET,),
    ),
    Path(
        "budget of a batch called back", (_wait(max_wait_s=7900),), at_once=True, batched=True, slow=True,
        limits=(_BUDGET,),
    ),
    Path(
        "budget too small for a batch", (_wait(), _wait("another"), _wait("a third")), at_once=True,
        batched=True, exact=False, limits=(_TIGHT,),
    ),
    Path("budget of a kept call", (_ask(model="alone"),), kept=True, limits=(_BUDGET,)),
    Path(
        "budget of a kept call that fails", (_ask(model="alone"),), (Reply("broken"),), kept=True,
        exact=False, limits=(_BUDGET,),
    ),
    Path(
        "budget of a kept call called back", (_ask(model="chooses", max_wait_s=3600),), kept=True, slow=True,
        exact=False, limits=(_BUDGET,),
    ),
    Path(
        "budget too small for kept calls",
        (_ask(model="alone", max_wait_s=7000), _ask("another", model="alone", max_wait_s=7000)),
        at_once=True, kept=True, exact=False, limits=(_TIGHT,),
    ),
)  # fmt: skip

#: The same of callbacks: taken at once, and after two refusals; of a failure, and of a run.
CALLBACK_PATHS = (
    Path("callback", (_ask(callback=CRM),), receives=()),
    Path("callback refused", (_ask(callback=CRM),), receives=(503, None)),
    Path("callback of a failure", (_ask(callback=CRM),), (_REJECTED,), receives=(500,)),
    Path("callback of a run", (), run=_run(["a"], callback=CRM), receives=(500,)),
)

_HALVES = {"choose": "split", "experiment": "e", "weights": {"b": 1, "c": 1}}
_SPLIT = Routes(
    "split",
    {"split": Route.model_validate({"targets": ROUTES.routes["two"].targets, "fallback": True, **_HALVES})},
)

#: The same of a route that splits: another arm asked when one's target fails, and an arm that is kept.
SPLIT_PATHS = (
    Path("split", (_ask(), _ask()), (_BROKEN,), seams=(Splits(),), routes=_SPLIT),
    Path(
        "split redriven", (_ask(max_wait_s=5),), (_THROTTLED, _THROTTLED), redriven=True, seams=(Splits(),),
        routes=_SPLIT,
    ),
)  # fmt: skip

_CASCADE = Routes(
    "cascade",
    {
        "cascade": Route.model_validate(
            {
                "targets": PRICED.routes["two"].targets,
                "choose": "cascade",
                "checks": {"b": {"matches": ".*x"}},
            }
        )
    },
)
_STANDS, _ILL = Reply(padding=3), Reply(grade="2")
_GRADES = PRICED.routes["one"].targets[0].model_copy(update={"name": JUDGE, "model": "model-judge"})
_JUDGED = Routes(
    "cascade",
    {
        "cascade": Route.model_validate(
            {
                "targets": PRICED.routes["two"].targets,
                "choose": "cascade",
                "checks": {"b": {"judge": {"target": JUDGE, "at_least": 7}}},
            }
        ),
        "judging": Route(targets=[_GRADES]),
    },
)

#: The same of a cascade: an answer that stands, one that its check refuses, and what comes between the two.
CASCADE_PATHS = tuple(
    replace(path, seams=(Cascades(),), routes=path.routes or _CASCADE)
    for path in (
        Path("cascade that is refused", (_ask(), _ask())),
        Path("cascade that stands", (_ask(),), (_STANDS,) * 9),
        Path("cascade in company", (_ask(), _ask()), at_once=True),
        Path("cascade throttled between", (_ask(cache="off"),), (Reply(), *(_THROTTLED,) * 4)),
        Path("cascade that is long", (_ask(),), (Reply(padding=40_000),) * 2),
        Path("cascade redriven", (_ask(),), (Reply(), _REJECTED), redriven=True),
        Path("cascade judged and stands", (_ask(),), routes=_JUDGED),
        Path("cascade judged and refused", (_ask(),), (Reply(), _ILL), routes=_JUDGED),
        Path("cascade judged under a budget", (_ask(cache="off"),), limits=(_BUDGET,), routes=_JUDGED),
        Path("cascade under a budget", (_ask(cache="off"),), limits=(_BUDGET,)),
    )
)

_ALIKE = (
    _ask("how do I reset my password please", cache="similar"),
    _ask("please how do I reset my password", cache="similar"),
)
_YES, _NO = Reply(grade="yes"), Reply(grade="no")
_VERIFIED = {"verifier": VERIFIER}

#: The same of similar answers: one that is given, with and without a verifier, one that is not, those that
#: are judged before anything is open, and who follows. A look that fails is a miss, which calls.
SIMILAR_PATHS = tuple(
    replace(path, exact=False)
    for path in (
        Path("similar given", _ALIKE, similar={}, opened=True),
        Path("similar in company", _ALIKE, at_once=True, similar={}, opened=True),
        Path("similar and verified", _ALIKE, (Reply(), _YES), similar=_VERIFIED, opened=True),
        Path("similar and refused", _ALIKE, (Reply(), _NO), similar=_VERIFIED, opened=True),
        Path(
            "similar and judged", _ALIKE, (Reply(), Reply(), _YES, _NO), similar=_VERIFIED | {"judge": JUDGE}
        ),
        Path(
            "similar under a budget",
            _ALIKE,
            (Reply(), _YES),
            limits=(_BUDGET,),
            similar=_VERIFIED,
            opened=True,
        ),
        Path(
            "similar under limits",
            _ALIKE,
            paces=(Pace("target:embed", rpm=60), Pace("tenant:default", rpm=60)),
            similar={},
            opened=True,
        ),
    )
)

EVERY_PATH = (
    *PATHS, *MONEY_PATHS, *PACE_PATHS, *SPLIT_PATHS, *CASCADE_PATHS, *RUN_PATHS,
    *CALLBACK_PATHS, *BATCH_PATHS, *KEPT_PATHS, *LANE_MONEY_PATHS, *SIMILAR_PATHS,
)  # fmt: skip

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
    """What a run of the matrix found."""

    cells: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    #: Each cell by its name with what is wrong in it.
    broken: list[tuple[str, list[str]]] = field(default_factory=list)


def steps(path: Path, company: str) -> tuple[list[str], Evidence]:
    """The steps of a clean run, in order."""
    return _clean(path.name, company)


@cache
def _clean(name: str, company: str) -> tuple[list[str], Evidence]:
    [path] = [path for path in EVERY_PATH if path.name == name]
    plan = AtSteps(dict(path.dealt))
    evidence = run_virtual(_live(path, company, plan))
    return plan.steps, evidence


def cells(path: Path, company: str, numbers: Sequence[int] | None = None) -> Iterator[Cell]:
    """Every single fault at these steps; None: at all of them."""
    struck = rows(path, company) if numbers is None else numbers
    for number, fault in itertools.product(struck, Fault):
        yield Cell(path, company, (*path.dealt, (number, fault)))


def differing(path: Path, company: str) -> Iterator[Cell]:
    """Those of them that leave different things behind."""
    names, _ = steps(path, company)
    return (cell for cell in cells(path, company) if _differs(names, cell))


def _differs(names: Sequence[str], cell: Cell) -> bool:
    number, fault = cell.faults[-1]
    return fault in distinct(names[number])


def firsts(path: Path, company: str) -> list[tuple[int, Fault]]:
    """With what a pair begins: every step with every fault that differs there."""
    names, _ = steps(path, company)
    return [(number, fault) for number in _rows(names) for fault in distinct(names[number])]


def pairs(path: Path, company: str, first: int, one: Fault) -> Iterator[Cell]:
    """Every fault that differs at every later step of the run in which `one` strikes at step `first`."""
    dealt = (*path.dealt, (first, one))
    _, _, names = run_cell(Cell(path, company, dealt))
    for second in _rows(names):
        if second > first:
            for other in distinct(names[second]):
                yield Cell(path, company, (*dealt, (second, other)))


def distinct(step: str) -> tuple[Fault, ...]:
    """The faults that leave different things behind at `step`.

    Reading has no effect: whether it happened before its answer was lost, or before the process died, nobody
    can tell. (A pause makes a difference: what was read grows old.)
    """
    return _OF_READS if step.startswith(_READS) else tuple(Fault)


def run_cells(todo: Iterable[Cell], *, until: float | None = None) -> Figures:
    """Run cells until they end, or until `until` (monotonic seconds)."""
    figures = Figures()
    for cell in todo:
        if until is not None and time.monotonic() > until:
            break
        _, found, _ = run_cell(cell)
        figures.cells += 1
        figures.faults.update(str(fault) for _, fault in cell.faults)
        if found:
            figures.broken.append((str(cell), found))
    return figures


def run_cell(cell: Cell) -> tuple[Evidence, list[str], list[str]]:
    """What is left of one cell, every broken assertion, and the steps it took, in order.

    One fault explains one surplus call, a passing one of store or bus none at all; of a run a process that
    dies may take the calls of all its members with it.
    """
    plan = AtSteps(dict(cell.faults))
    evidence = run_virtual(_live(cell.path, cell.company, plan))
    found = violations(evidence)
    excuses = sum(
        fault not in TRANSIENT or "provider" in happened.step or happened.step == "later.begin"
        for (_, fault), happened in zip(cell.faults, evidence.happened, strict=False)
    )
    excuses *= len(cell.path.run["items"]) if cell.path.run is not None else 1
    paid, when_clean = _paid(evidence), _paid(steps(cell.path, cell.company)[1])
    if cell.path.exact and len(cell.faults) == 1 and paid > when_clean + excuses:
        found.append(f"{paid} paid calls, {when_clean} without faults")
    return evidence, found, plan.steps


def rows(path: Path, company: str) -> list[int]:
    """The numbers of the steps of a clean run that go wrong."""
    names, _ = steps(path, company)
    return _rows(names)


def _rows(names: Sequence[str]) -> list[int]:
    """Step numbers; of the sweeper's many equal queries in a row the first stands for all."""
    return [
        number
        for number, name in enumerate(names)
        if not (name.startswith("store.find") and number and names[number - 1] == name)
    ]


def _paid(evidence: Evidence) -> int:
    return sum(call.paid for call in evidence.calls)


async def _live(path: Path, company: str, plan: Plan) -> Evidence:
    likely, later_s = COMPANY[company]
    routes = path.routes or (PRICED if path.limits else ROUTES)
    shape = Shape(routes, seed=7, instances=2, duplicates=likely, later_s=later_s, seams=path.seams)
    reconciler = None
    if path.similar is not None:
        shape = with_similar(shape, **path.similar)
    if path.paces:
        shape = with_paces(shape, *path.paces)
    if path.run is not None:
        shape = with_runs(shape)
    if path.batched:
        shape = with_batches(shape)
    if path.kept:
        shape = with_background(shape)
    if path.limits:
        shape = with_budgets(shape)
    if path.billed:
        shape, reconciler = with_bills(shape)
    if path.receives is not None:
        shape = with_callbacks(shape, in_turn(*path.receives))
    replies = iter(path.replies)
    log = io.StringIO()

    def script(request: Request, target: str, at: float) -> Reply:
        return next(replies, Reply())

    with contextlib.redirect_stdout(log):
        async with world(shape, script, plan) as made:
            if path.limits:
                await set_limits(made, *path.limits)
            made.batches.takes_s = 30_000.0 if path.slow else 300.0
            made.responses.takes_s = 30_000.0 if path.slow else 200.0
            if path.receives is not None:
                await register(made)
            if path.opened:
                await judged_before(made)
            for number, body in enumerate(path.bodies):
                await made.publish(json.dumps(body | {"request_id": f"r{number}"}).encode(), {})
                if not path.at_once:
                    await made.rest(_REST_S)
            for number, (after_s, body) in enumerate(path.then, len(path.bodies)):
                await asyncio.sleep(after_s)
                await made.publish(json.dumps(body | {"request_id": f"r{number}"}).encode(), {})
            if path.run is not None:
                await _begin_run(made, path)
            await made.rest(_REST_S)
            if path.redriven:
                await _redrive(made, path.bodies[0])
            await asyncio.sleep(100)  # late copies
            await made.rest(_REST_S)
            if reconciler is not None:
                reconciler.world = made
                await reconciler.wake(_REST_S)
            return await collect(made, log.getvalue())


async def _begin_run(made: World, path: Path) -> None:
    """Publish the run, and what it is told; a client waits until it is there."""
    await made.bus.publish(TOPICS.runs, json.dumps(path.run).encode(), {}, timeout_s=15)
    for after_s, told in path.told:
        await asyncio.sleep(after_s)
        await made.bus.publish(TOPICS.runs, b"", told.encode(), timeout_s=15)


async def _redrive(made: World, body: dict[str, Any]) -> None:
    attributes = {
        "penstock_kind": "redrive",
        "tenant": "default",
        "request_id": "r0",
        "redrive_count": "1",
        "deadline": format_time(made.clock.now() + timedelta(days=1)),
    }
    await made.publish(json.dumps(body | {"request_id": "r0"}).encode(), attributes)
