"""The bill of recorded traffic in each lane, thinned too: as a table, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from penstock.money.pricing import PriceBook
from penstock_ops.bench.lanes_usd import LANES, Cost, LanesBill, Measured
from penstock_ops.bench.report import Figure, Section
from penstock_ops.tune.trace import Trace

#: The trace, and every so manieth row of it.
_THINNED = (1, 10, 100, 1000)


def bills_of(measured: Measured, book: PriceBook, trace: Trace) -> Section:
    """Every lane at every rate that leaves two requests."""
    thinned = [n for n in _THINNED if len(trace.rows) >= 2 * n]
    found = {n: _costs(LanesBill(measured, book, trace.rows[::n])) for n in thinned}
    thin = found[thinned[-1]]
    return Section(
        name="lanes, dollars",
        title=f"USD of a million requests by lane ({trace.name}, {len(trace.rows):,} rows)",
        columns=("traffic", "lane", "answers", "Cloud Run", "services", "together", "asked at once"),
        rows=[_row(_rate(n), lane, cost) for n in thinned for lane, cost in found[n].items()],
        figures=[Figure(f"together, batch / sync, {_rate(n)}", _share(found[n], "batch")) for n in thinned]
        + [
            Figure(
                "Cloud Run of a trickle: background / sync", thin["background"].compute / thin["sync"].compute
            ),
            Figure("Cloud Run of a trickle: batch / sync", thin["batch"].compute / thin["sync"].compute),
        ],
        notes=(
            "Answers at the price book's prices, background at list price (no window); of job: the seconds "
            "of an L4, two minutes of start and two lines a second assumed. A hosted model is taken to last "
            "0.5 s and 0.02 s a token, a batch and a kept call what lanes/priors.py says. Services: Pub/Sub, "
            "Firestore in one region, logs. A trickle is the thinnest of these.",
        ),
        data={"bills": {_rate(n): {lane: asdict(cost) for lane, cost in found[n].items()} for n in thinned}},
    )


def _costs(bill: LanesBill) -> Mapping[str, Cost]:
    return {lane: bill.cost(lane) for lane in LANES}


def _rate(n: int) -> str:
    return "full" if n == 1 else f"1/{n}"


def _share(costs: Mapping[str, Cost], lane: str) -> float:
    return costs[lane].together / costs["sync"].together


def _row(rate: str, lane: str, cost: Cost) -> tuple[str, ...]:
    usd = (cost.answers, cost.compute, cost.services, cost.together)
    return (rate, lane, *(f"{value:,.2f}" for value in usd), f"{cost.at_once:.0%}")
