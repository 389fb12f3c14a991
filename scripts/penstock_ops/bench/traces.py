"""`traces`: CPU of a confirmation with traces on beside off, by turns in one run; the handler builds none."""

from __future__ import annotations

from collections import defaultdict

from penstock_ops.bench.collector import collector_process
from penstock_ops.bench.cpu import loaded
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, median, spread
from penstock_ops.bench.rig import Rig

#: What is compared => the share of the unremarkable traces that is kept; None: traces are off.
_SIDES = {"off": None, "1 % kept": "0.01", "all kept": "1"}


async def run(rig: Rig, options: Options) -> Section:
    """Rounds of the sides in turn, whoever goes first changing; each difference is of one round."""
    rounds, count = (3, 200) if options.quick else (9, 600)
    found: dict[str, list[float]] = defaultdict(list)
    options.step("warm-up")
    async with collector_process(rig.folder) as collector, loaded(rig) as load:
        sides = {name: _processor(rig, load.model_url, collector, share) for name, share in _SIDES.items()}
        async with rig.running(*sides.values()):
            options.step.expect(len(sides) * (rounds + 1))
            for number in range(rounds + 1):
                names = list(sides)[number % len(sides) :] + list(sides)[: number % len(sides)]
                for name in names:
                    options.step(f"round {number}: {name}")
                    await load.misses(count)
                    ms = await load.confirmations(count, sides[name])
                    if number:  # the first is the warm-up: imports and connections
                        found[name].append(ms)
    return _section(found, rounds, count)


def _processor(rig: Rig, model_url: str, collector: str, share: str | None) -> Instance:
    traces = {} if share is None else {"PENSTOCK_TRACES": collector, "PENSTOCK_TRACES_SHARE": share}
    return Instance("response_processor", rig.env(model_url, **traces), rig.folder)


def _section(found: dict[str, list[float]], rounds: int, count: int) -> Section:
    more = {
        name: median([on - off for on, off in zip(values, found["off"], strict=True)])
        for name, values in found.items()
        if name != "off"
    }
    return Section(
        name="traces",
        title=f"CPU of response_processor per result, {rounds} rounds of {count} by turns",
        columns=("what", "CPU ms: median (lowest–highest)"),
        rows=[(f"traces {name}", spread(values)) for name, values in found.items()],
        figures=[Figure(f"traces, {name}: CPU ms more per request", ms) for name, ms in more.items()],
        notes=("The request handler builds no spans: its CPU is the same with traces on and off.",),
        data={"rounds": dict(found), "more": more},
    )
