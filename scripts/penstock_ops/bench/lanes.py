"""`lanes`: what a request costs in each lane, beside each other: reads, writes, trips, CPU, dollars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from penstock.money.pricing import PriceBook
from penstock_ops.bench.bill import Tariff
from penstock_ops.bench.lanes_bills import bills_of
from penstock_ops.bench.lanes_ran import LANES, PRICE, SCALE, Ran, lanes_rig
from penstock_ops.bench.lanes_usd import Measured
from penstock_ops.bench.lanes_whole import section_of, whole_batch
from penstock_ops.bench.meter import read_meter
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section
from penstock_ops.bench.rig import Rig
from penstock_ops.tune.trace import read_trace

_REQUESTS, _QUICK = 400, 60
#: Of one batch: as many as the Batch API takes.
_LINES, _QUICK_LINES = 50_000, 2000
#: Of what a request takes by itself.
_METERED, _QUICK_METERED = 100, 20
_WARM_UP = 10
_MILLION = 1_000_000


async def run(rig: Rig, options: Options) -> Section:
    """Each lane by itself on the same functions, which have answered some before."""
    count = _QUICK if options.quick else _REQUESTS
    options.step.expect(3 + len(LANES))
    async with lanes_rig(rig) as lanes:
        options.step("the first requests of the functions")
        await lanes.ran("sync", _WARM_UP)
        idle, ran = await lanes.idle(), []
        for lane in LANES:
            options.step(f"{count} requests by lane {lane}")
            ran.append((await lanes.ran(lane, count, begin=_WARM_UP)).beside(idle))
        options.step("a batch of one")
        alone = (await lanes.ran("batch", 1, begin=_WARM_UP + count)).beside(idle)
    lines = _QUICK_LINES if options.quick else _LINES
    options.step(f"one batch of {lines:,} lines")
    whole = await whole_batch(rig.folder / "whole", lines)
    meter = await read_meter(rig, options, count=_QUICK_METERED if options.quick else _METERED)
    measured = Measured(meter, {one.lane: one for one in ran}, alone)
    bills = bills_of(measured, PriceBook.load(None), read_trace(options.trace))
    return replace(section(ran, Tariff(PriceBook.load(None))), then=(section_of(whole), bills))


def section(ran: list[Ran], tariff: Tariff) -> Section:
    """What was measured, as figures of one request and dollars of a million."""
    return Section(
        name="lanes",
        title=f"{ran[0].requests:,} requests by each lane: what one of them takes, and dollars of a million",
        columns=(
            "lane",
            "reads",
            "writes",
            "publishes",
            "CPU, ms",
            "Firestore, USD",
            "answers, USD",
            "together, USD",
        ),
        rows=[_row(one, tariff) for one in ran],
        figures=_figures(ran),
        notes=(
            "Counted at the wire between the functions and the emulators, less what the same time takes when "
            f"nothing is asked ({SCALE} of the sweeper's minutes to a real one). CPU: of request_handler, "
            f"response_processor, sweeper and batcher together. Answers: as long as the offline server's, at "
            f"{PRICE}'s prices. Firestore: reads and writes alone, in one region.",
        ),
        data={"lanes": {one.lane: _data(one, tariff) for one in ran}},
    )


def _data(one: Ran, tariff: Tariff) -> Mapping[str, Any]:
    return {
        "requests": one.requests,
        "reads": one.trip.reads / one.requests,
        "writes": one.trip.writes / one.requests,
        "publishes": one.trip.publishes / one.requests,
        "cpu_ms": 1000 * one.cpu_s / one.requests,
        "firestore_usd": _MILLION * firestore_usd(one, tariff),
        "answers_usd": _MILLION * one.usd / one.requests,
        "seconds": one.seconds,
    }


def firestore_usd(one: Ran, tariff: Tariff) -> float:
    """Reads and writes of one request, in one region."""
    reads = one.trip.reads * tariff.rate("firestore.regional.reads")
    return (reads + one.trip.writes * tariff.rate("firestore.regional.writes")) / one.requests


def _row(one: Ran, tariff: Tariff) -> tuple[str, ...]:
    told = _data(one, tariff)
    counts = (f"{told[name]:.2f}" for name in ("reads", "writes", "publishes", "cpu_ms"))
    together = told["firestore_usd"] + told["answers_usd"]
    usd = (told["firestore_usd"], told["answers_usd"], together)
    return (one.lane, *counts, *(f"{value:,.2f}" for value in usd))


def _figures(ran: list[Ran]) -> list[Figure]:
    sync, batch = ran[0], ran[-1]
    return [
        Figure("writes of a batch's member / of a sync miss", _ratio(batch.trip.writes, sync.trip.writes)),
        Figure("CPU of a batch's member / of a sync miss", _ratio(batch.cpu_s, sync.cpu_s)),
        Figure(
            "answers: batch / sync", share := _ratio(batch.usd, sync.usd), "0.5", abs(share - 0.5) < 0.001
        ),
    ]


def _ratio(one: float, other: float) -> float:
    return one / other if other else 0.0
