"""`billed`: billed instance-seconds per 1,000 requests, the model taking one second for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from penstock_ops.bench.billed_load import (
    BURST,
    EMPTY,
    LATENCY_S,
    ONE_AT_A_TIME,
    OURS,
    STEADY,
    Kind,
    Loads,
    Plan,
    Run,
)
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, median
from penstock_ops.bench.rig import Rig
from penstock_ops.bench.stretches import highest_within

#: What is aimed at: fewer billed seconds than one request per instance, and the concurrency it is stated for.
TIMES_FEWER, AT = 72.0, 80
_AIM = 150
#: How much the slowest hundredth may add to a request that has the instance for itself.
_SLOWER = 1.10
_REFERENCE = Path(__file__).parent / "reference"
#: What a row's medians are of.
_MEASURED = ("billed_s", "p50_s", "p99_s", "cpu_ms", "in_flight")

_WHOLE = Plan(3, (1, AT, 110, _AIM, 200), (AT, 110, _AIM, 200), 8.0)
_QUICK = Plan(1, (1, AT), (AT,), 5.0)


async def run(rig: Rig, options: Options) -> Section:
    """The usual function, ours and an empty one in turn, round by round, on the same core."""
    plan = _QUICK if options.quick else _WHOLE
    async with model_process(LATENCY_S, rig.folder) as model_url:
        env = rig.env(model_url, OPENAI_BASE_URL=model_url, WAIT_S=str(LATENCY_S))
        usual = Instance("usual", env, rig.folder, source=_REFERENCE / "usual.py")
        empty = Instance("wait", env, rig.folder, source=_REFERENCE / "empty.py")
        ours = Instance("request_handler", rig.env(model_url), rig.folder)
        bench = Loads(rig, usual, ours, empty)
        async with rig.running(usual, ours, empty):
            options.step("warm-up")
            await bench.burst("warm-up", ours, 20, 40)
            await bench.burst("warm-up", usual, 1, 1)
            await bench.burst("warm-up", empty, 20, 20)
            options.step.expect(plan.rounds * (2 + len(plan.bursts) + 2 * len(plan.steadies)))
            runs = [one for _ in range(plan.rounds) for one in await bench.round(plan, options.step)]
    return _section(runs, plan)


def _section(runs: Sequence[Run], plan: Plan) -> Section:
    by_kind: dict[Kind, list[Run]] = {}
    for run in runs:
        by_kind.setdefault((run.name, run.load, run.width), []).append(run)
    medians = {kind: _median(kind, same) for kind, same in by_kind.items()}
    base = medians[ONE_AT_A_TIME, BURST, 1]
    return Section(
        name="billed",
        title=f"Billed instance-seconds per 1,000 requests, {LATENCY_S:g} s a model call, "
        f"{plan.rounds} rounds",
        columns=(
            "function",
            "load",
            "in flight",
            "mean",
            "billed s / 1,000",
            "fewer",
            "p50 s",
            "p99 s",
            "CPU ms",
        ),
        rows=[_row(run, base) for run in medians.values()],
        figures=_figures(medians, plan, base),
        bars=[(f"{run.name} ({run.load}, {run.width})", run.billed_s) for run in medians.values()],
        notes=(
            "Medians; mean: as was seen. burst: all start in the same instant, five rounds of model calls, "
            f"first and last included. steady: an even stream for {plan.stream_s:g} s, by the clock of the "
            "delivery, whatever is still in flight; billed with its start and end, p50 and p99 without the "
            "first and the last second. empty: the same stream into a function that only waits as long as "
            "the model takes: what this measurement itself adds. The response_processor is an instance of "
            "its own: where results come without a pause it is billed for as long again, at most.",
        ),
        data={"runs": [{name: getattr(run, name) for name in Run.__slots__} for run in medians.values()]},
    )


def _row(run: Run, base: Run) -> tuple[str, ...]:
    return (
        run.name,
        run.load,
        str(run.width),
        f"{run.in_flight:.0f}",
        f"{run.billed_s:,.1f}",
        f"{base.billed_s / run.billed_s:.1f}×",
        f"{run.p50_s:.3f}",
        f"{run.p99_s:.3f}",
        f"{run.cpu_ms:.1f}",
    )


def _figures(medians: dict[Kind, Run], plan: Plan, base: Run) -> list[Figure]:
    fewer = base.billed_s / medians[OURS, BURST, AT].billed_s
    alone_s = medians[OURS, BURST, 1].p50_s
    burst, steady = (
        highest_within(
            {width: run.p99_s for (name, how, width), run in medians.items() if (name, how) == (OURS, load)},
            _SLOWER * alone_s,
        )
        for load in (BURST, STEADY)
    )
    at = _AIM if _AIM in plan.steadies else max(plan.steadies)
    within = "highest concurrency with p99 within + 10 % of a request alone"
    added = medians[EMPTY, STEADY, at].p99_s - LATENCY_S
    return [
        Figure(f"times fewer than one request per instance, at {AT}", fewer, f"≥ {TIMES_FEWER:g}",
               fewer >= TIMES_FEWER),
        Figure("a request alone, p50 s", alone_s),
        # The shorter look does not go as far as the target.
        Figure(f"{within}, steady stream (of {_listed(plan.steadies)})", steady, f"≥ {_AIM}",
               steady >= _AIM if _AIM in plan.steadies else None),
        Figure(f"{within}, burst in lockstep (of {_listed(plan.bursts)})", burst),
        Figure(f"p99 that this measurement adds by itself, steady at {at}, s", added),
    ]  # fmt: skip


def _listed(widths: Sequence[int]) -> str:
    return ", ".join(map(str, widths))


def _median(kind: Kind, runs: Sequence[Run]) -> Run:
    return Run(*kind, *(median([getattr(run, name) for run in runs]) for name in _MEASURED))
