"""`money`: what a budget costs a request, by turns beside none, and how many instances get on under one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from penstock_ops.bench.cpu import loaded
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.money_shared import Shared, plenty, shared, tight
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, median, spread
from penstock_ops.bench.rig import Rig
from penstock_ops.bench.trips import Case, counting

#: What is aimed at: CPU of handler and processor under a budget over that without, and how much of a budget
#: that does not suffice is paid in the end.
MOST_CPU, LEAST_USED = 1.05, 0.9
#: No budget; and one that every request is under and none comes near.
_SIDES: dict[str, dict[str, str]] = {
    "no budget": {},
    "a budget": {"PENSTOCK_BUDGETS": json.dumps([plenty()])},
}
_Rounds = dict[str, list[float]]


async def run(rig: Rig, options: Options) -> Section:
    """Counts at the wire, then CPU by turns, then instances that share a budget."""
    rounds, count = (3, 100) if options.quick else (9, 600)
    fleets = (1, 3) if options.quick else (1, 4, 8)
    options.step.expect(len(_SIDES) * (rounds + 2) + len(fleets) + 1)
    cases = {side: await _counted(rig, options, side) for side in _SIDES}
    cpu = await _by_turns(rig, options, rounds, count)
    many = []
    for instances in fleets:
        options.step(f"{instances} instances under one budget")
        many.append(await shared(rig, plenty(), instances, asked=instances * count))
    options.step(f"{fleets[-1]} instances under too small a budget")
    short = await shared(rig, tight(2 * count), fleets[-1], asked=4 * count)
    return _section(cases, cpu, many, short)


async def _counted(rig: Rig, options: Options, side: str) -> list[Case]:
    """A miss and a hit, each alone: whoever comes alone draws for itself."""
    options.step(f"at the wire: {side}")
    name = f"alone-{len(_SIDES[side])}"
    async with counting(rig, others=_SIDES[side]) as bench:
        # The first two: of an instance that has read no budget, and that has drawn from none.
        for number in range(2):
            await bench.miss(f"{name}-first-{number}")
        return [await bench.miss(name), await bench.hit(name)]


async def _by_turns(rig: Rig, options: Options, rounds: int, count: int) -> _Rounds:
    """CPU milliseconds by side and function; whoever goes first changes."""
    found: _Rounds = defaultdict(list)
    async with loaded(rig) as load:
        pairs = {
            side: [Instance(name, rig.env(load.model_url, **env), rig.folder) for name in _FUNCTIONS]
            for side, env in _SIDES.items()
        }
        async with rig.running(*(each for pair in pairs.values() for each in pair)):
            for number in range(rounds + 1):
                for side in list(_SIDES)[:: 1 if number % 2 else -1]:
                    options.step(f"round {number}: {side}")
                    handler, processor = pairs[side]
                    used = (await load.misses(count, handler), await load.confirmations(count, processor))
                    if number:  # the first is the warm-up: imports and connections
                        for name, ms in zip(_FUNCTIONS, used, strict=True):
                            found[f"{name}, {side}"].append(ms)
    return found


_FUNCTIONS = ("request_handler", "response_processor")


def _section(
    cases: Mapping[str, Sequence[Case]], cpu: _Rounds, many: Sequence[Shared], short: Shared
) -> Section:
    return Section(
        name="money",
        title="A request under a budget beside none",
        columns=("what", "measured"),
        rows=[
            *((f"{case.name}, {side}", _told(case)) for side, pair in cases.items() for case in pair),
            *((f"{name}: CPU ms", spread(values)) for name, values in cpu.items()),
            *((f"{each.instances} instances: misses/s, writes a miss, draws, draws refused", each.told())
              for each in many),
        ],
        figures=[*_counts(cases), *_ratios(cpu), *_used(short)],
        notes=(
            "At the wire, a request that comes alone draws for itself: a write for the allotment and one for "
            "each account, beside the claim. Under load, draws are shared. A refused draw is one that the "
            "store would not write, and that is tried again.",
        ),
        data={
            "cpu": dict(cpu),
            "shared": [each.encode() for each in (*many, short)],
        },
    )  # fmt: skip


def _told(case: Case) -> str:
    before, after = case.around_call or (0, 0)
    around = f", {before} before / {after} after the call" if case.around_call else ""
    return f"{case.total.writes} writes, {case.total.reads} reads, {case.total.steps} round trips{around}"


def _counts(cases: Mapping[str, Sequence[Case]]) -> list[Figure]:
    none, budget = cases["no budget"], cases["a budget"]
    figures = []
    for off, on in zip(none, budget, strict=True):
        steps = on.total.steps - off.total.steps
        figures += [
            Figure(f"round trips more, {on.name}", steps, "0", steps == 0),
            Figure(f"writes more, {on.name}", on.total.writes - off.total.writes),
        ]
    return figures


def _ratios(cpu: _Rounds) -> list[Figure]:
    """Each ratio is of one round."""
    sums = {
        side: [sum(each) for each in zip(*(cpu[f"{name}, {side}"] for name in _FUNCTIONS), strict=True)]
        for side in _SIDES
    }
    over = median([on / off for on, off in zip(sums["a budget"], sums["no budget"], strict=True)])
    return [
        Figure("CPU of both functions, under a budget / without", over, f"≤ {MOST_CPU}", over <= MOST_CPU)
    ]


def _used(short: Shared) -> list[Figure]:
    return [
        Figure("too small a budget: paid / budget", short.used, "≤ 1", short.used <= 1),
        Figure("… and how much of it is used", short.used, f"≥ {LEAST_USED}", short.used >= LEAST_USED),
    ]
