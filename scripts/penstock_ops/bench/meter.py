"""What one request uses up, measured: the figures that the bill is made of."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from penstock_ops.bench.cpu import loaded
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.report import median
from penstock_ops.bench.rig import Rig, question
from penstock_ops.bench.trips import Bench, Trip, counting


@dataclass(frozen=True, slots=True)
class Use:
    """Of one request of one kind (miss, hit). Bytes are what is stored, carried and logged."""

    trip: Trip
    #: CPU of request_handler and of response_processor, in seconds.
    handler_cpu_s: float
    processor_cpu_s: float
    #: Time from the first byte to the answer, the model's left out.
    handler_s: float
    processor_s: float
    request_bytes: int
    result_bytes: int
    stored_bytes: int
    log_bytes: int


@dataclass(frozen=True, slots=True)
class Meter:
    """Misses, hits, and the sweeper's idle minute (seconds, log bytes)."""

    miss: Use
    hit: Use
    idle: Trip
    idle_s: float
    idle_log_bytes: int


async def read_meter(rig: Rig, *, count: int) -> Meter:
    """Count at the wire, one by one; then the CPU of `count` requests under load."""
    async with counting(rig) as bench:
        await bench.miss("warm-up")
        await bench.idle()
        miss, hit = await _counted(bench, "miss"), await _counted(bench, "hit")
        log = _log_size(bench.sweeper)
        started = time.monotonic()
        idle = (await bench.idle()).total
        idle_s, idle_log = time.monotonic() - started, _log_size(bench.sweeper) - log
    async with loaded(rig) as load:
        miss_cpu = await load.misses(count) / 1000
        hit_cpu = await load.hits(count) / 1000
        confirm_cpu = await load.confirmations(2 * count) / 1000
    return Meter(
        replace(miss, handler_cpu_s=miss_cpu, processor_cpu_s=confirm_cpu),
        replace(hit, handler_cpu_s=hit_cpu, processor_cpu_s=confirm_cpu),
        idle,
        idle_s,
        idle_log,
    )


async def _counted(bench: Bench, kind: str, repeats: int = 9) -> Use:
    """One request's operations and bytes, and its seconds (medians of `repeats`); no CPU yet."""
    handler_s, processor_s = [], []
    trip = Trip()
    for number in range(repeats):
        body = question(f"metered-{number}") if kind == "miss" else question("metered-0")
        body |= {"request_id": f"{kind}-{number}"}
        logs = _log_size(bench.handler) + _log_size(bench.processor)
        calls, envelope = len(bench.history), bench.rig.envelope(body)
        started, waited = time.monotonic(), sum(end - start for start, end in bench.model.calls)
        trip = await bench.handle(envelope)
        handler_s.append(time.monotonic() - started - sum(e - s for s, e in bench.model.calls) + waited)
        started = time.monotonic()
        trip += await bench.confirm()
        processor_s.append(time.monotonic() - started)
        logged = _log_size(bench.handler) + _log_size(bench.processor) - logs
    writes = [call for call in bench.history[calls:] if call.ok and call.written]
    stored = sum(len(call.request) for call in writes)
    result = bench.message_bytes[bench.rig.topology.response_topic][-1]
    return Use(
        trip=trip,
        handler_cpu_s=0.0,
        processor_cpu_s=0.0,
        handler_s=median(handler_s),
        processor_s=median(processor_s),
        request_bytes=len(envelope.data),
        result_bytes=result,
        stored_bytes=stored,
        log_bytes=logged,
    )


def _log_size(instance: Instance) -> int:
    return instance.log.stat().st_size
