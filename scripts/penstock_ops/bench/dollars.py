"""`dollars`: what a million requests and an idle month cost, and the cheapest instance for each traffic."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.money.pricing import PriceBook
from penstock_ops.bench.bill import Shape, Tariff
from penstock_ops.bench.fleet import Bill, billed
from penstock_ops.bench.meter import Meter, Use, read_meter
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, number
from penstock_ops.bench.rig import Rig
from penstock_ops.tune.trace import TraceRow, read_trace

_MILLION = 1_000_000
#: A hosted model's time, assumed: to the first token, and for each further one (about 50 tokens a second).
_FIRST_TOKEN_S, _TOKEN_S = 0.5, 0.02
#: Cloud Run functions' default for a small function, what people deploy today.
_USUAL = Shape(0.167, 0.25, 1)
#: What Terraform deploys.
_OURS = Shape(1, 0.5, 80)
_SHAPES = (_USUAL, Shape(0.333, 0.5, 1), Shape(1, 0.5, 1), _OURS, Shape(1, 0.5, 150), Shape(2, 1, 250))

Requests = list[tuple[float, float]]


async def run(rig: Rig, options: Options) -> Section:
    """Measure what a request uses; the rest is the price book's arithmetic and a simulated fleet."""
    meter = await read_meter(rig, options, count=100 if options.quick else 400)
    trace = read_trace(options.trace)
    tariff = Tariff(PriceBook.load())
    traffics = _traffics(trace.rows)
    rows, data, cheapest = [], {}, {}
    for name, requests in traffics.items():
        costs = _costs(tariff, meter, requests)
        rows += [
            (f"{name}: {who}", f"${usd:,.2f}", f"{bill.instances}") for who, (usd, bill) in costs.items()
        ]
        data[name] = {who: usd for who, (usd, _) in costs.items()}
        cheapest[name] = min(
            (usd, shape.name) for shape in _SHAPES if (usd := _ours(tariff, meter, requests, shape)[0])
        )
    rows += [
        (f"{name}: cheapest shape of ours", f"${usd:,.2f}", shape) for name, (usd, shape) in cheapest.items()
    ]
    bill = _itemised(tariff, meter.miss, traffics["full"])
    rows += [(f"a million misses: {item}", f"${usd:,.2f}", "") for item, usd in bill.items()]
    services = {item: usd * _MILLION for item, usd in tariff.services(meter.hit).items()}
    rows += [("a million hits: services", f"${sum(services.values()):,.2f}", "")]
    idle = tariff.idle_month(meter, _OURS)
    rows += [(f"idle month: {item}", f"${usd:,.3f}", "") for item, usd in idle.items()]
    return Section(
        name="dollars",
        title=f"USD per million requests by traffic ({trace.name}, {len(trace.rows):,} rows), without tokens",
        columns=("what", "USD", "instances"),
        rows=rows,
        figures=[
            Figure("a million misses, full traffic, USD", sum(bill.values())),
            Figure("idle month, USD", sum(idle.values())),
            Figure(
                "ours / one request per instance, full traffic, Cloud Run alone",
                data["full"]["ours"] / data["full"]["one request per instance"],
            ),
        ],
        notes=(
            f"A model call is taken to last {_FIRST_TOKEN_S} s and {_TOKEN_S} s a token. List prices, one "
            "region, the free tier left out. Traffic rows are Cloud Run alone (handler, and for ours the "
            "response_processor): the services' share is the same whatever runs the code.",
            "Measured in this run: "
            + "; ".join(f"{name} {number(value)}" for name, value in meter.told().items())
            + ". Reads, writes and publishes are those of `trips`.",
        ),
        data={
            "measured": meter.told(),
            "traffic": data,
            "million_misses": bill,
            "idle_month": idle,
            "cheapest": cheapest,
        },
    )


def _traffics(rows: Sequence[TraceRow]) -> dict[str, Requests]:
    """The trace; thinned; and in bursts: as many requests as the tenth, all in one tenth of the time."""
    full = [(row.at_s, _FIRST_TOKEN_S + _TOKEN_S * row.output_tokens) for row in rows]
    traffics = {"full": full} | {f"1/{n}": full[::n] for n in (10, 100, 1000) if len(full) >= 2 * n}
    return traffics | {"1/10, one burst": full[: max(1, len(full) // 10)]}


def _costs(tariff: Tariff, meter: Meter, requests: Requests) -> dict[str, tuple[float, Bill]]:
    """USD per million requests and the fleet, by who answers."""
    span = max(3600.0, requests[-1][0]) if len(requests) > 1 else 3600.0
    calls = billed(requests, _OURS.concurrency)
    per_million = _MILLION / len(requests)
    always = Bill(span * calls.instances, calls.instances)
    usual = billed(
        [(at, _stretched(seconds + meter.usual_s, meter.usual_cpu_s, _USUAL)) for at, seconds in requests], 1
    )
    return {
        "always-on container": (tariff.always_on(_OURS, always.seconds) * per_million, always),
        "one request per instance": (
            tariff.on_request(_USUAL, usual.seconds, len(requests)) * per_million,
            usual,
        ),
        "ours": _ours(tariff, meter, requests, _OURS),
    }


def _ours(tariff: Tariff, meter: Meter, requests: Requests, shape: Shape) -> tuple[float, Bill]:
    """Handler and response_processor, both in `shape`."""
    use = meter.miss
    handled = [
        (at, _stretched(seconds + use.handler_s, use.handler_cpu_s, shape)) for at, seconds in requests
    ]
    confirmed = [
        (at + seconds, _stretched(use.processor_s, use.processor_cpu_s, shape)) for at, seconds in handled
    ]
    bills = billed(handled, shape.concurrency), billed(confirmed, shape.concurrency)
    usd = sum(tariff.on_request(shape, bill.seconds, len(requests)) for bill in bills)
    instances = sum(bill.instances for bill in bills)
    return usd * _MILLION / len(requests), Bill(sum(bill.seconds for bill in bills), instances)


def _stretched(seconds: float, cpu_s: float, shape: Shape) -> float:
    """A fraction of a core works so much longer."""
    return seconds + cpu_s * (1 / min(1.0, shape.cpu) - 1)


def _itemised(tariff: Tariff, use: Use, requests: Requests) -> dict[str, float]:
    """USD of a million misses, by item."""
    seconds = {
        "request_handler": billed([(at, s + use.handler_s) for at, s in requests], _OURS.concurrency).seconds,
        "response_processor": billed(
            [(at + s, use.processor_s) for at, s in requests], _OURS.concurrency
        ).seconds,
    }
    scale = _MILLION / len(requests)
    items = {}
    for name, instance_s in seconds.items():
        items[f"{name}, CPU"] = instance_s * scale * _OURS.cpu * tariff.rate("run.request.cpu")
        items[f"{name}, memory"] = instance_s * scale * _OURS.memory_gib * tariff.rate("run.request.memory")
        items[f"{name}, requests"] = _MILLION * tariff.rate("run.request.requests")
    return items | {item: usd * _MILLION for item, usd in tariff.services(use).items()}
