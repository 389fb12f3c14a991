"""What one request uses up, measured: the figures that the bill is made of."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from penstock_ops.bench.cpu import loaded
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import median
from penstock_ops.bench.rig import Rig, question
from penstock_ops.bench.trips import Bench, Trip, counting

_USUAL = Path(__file__).parent / "reference" / "usual.py"
#: How long the model takes while the usual function is measured, in seconds.
_MODEL_S = 0.05


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
    #: Documents of its own that it leaves behind: the TTL will delete them. Counters are shared, and stay.
    documents: int


@dataclass(frozen=True, slots=True)
class Meter:
    """Misses, hits, the sweeper's idle minute (seconds, log bytes), and the usual function's miss."""

    miss: Use
    hit: Use
    idle: Trip
    idle_s: float
    idle_log_bytes: int
    #: CPU, and time from the first byte to the answer with the model's left out, in seconds.
    usual_cpu_s: float
    usual_s: float

    def told(self) -> dict[str, float]:
        """The inputs of the bill, by name."""
        return {
            "request_handler, CPU ms of a miss": self.miss.handler_cpu_s * 1000,
            "request_handler, CPU ms of a hit": self.hit.handler_cpu_s * 1000,
            "request_handler, ms of a miss without the model": self.miss.handler_s * 1000,
            "response_processor, CPU ms": self.miss.processor_cpu_s * 1000,
            "response_processor, ms": self.miss.processor_s * 1000,
            "the usual function, CPU ms": self.usual_cpu_s * 1000,
            "the usual function, ms without the model": self.usual_s * 1000,
            "bytes of a request": self.miss.request_bytes,
            "bytes of a result": self.miss.result_bytes,
            "bytes written to Firestore by a miss": self.miss.stored_bytes,
            "bytes logged by a miss": self.miss.log_bytes,
            "documents that a miss leaves": self.miss.documents,
            "sweeper, ms of an idle minute": self.idle_s * 1000,
        }


async def read_meter(rig: Rig, options: Options, *, count: int) -> Meter:
    """Count at the wire, one by one; then the CPU of `count` requests under load."""
    options.step.expect(3)
    options.step("operations and bytes of a request, at the wire")
    async with counting(rig, away_s=0) as bench:
        await bench.miss("warm-up")
        await bench.idle()
        miss, hit = await _counted(bench, "miss"), await _counted(bench, "hit")
        idle, idle_s, idle_log = await _idle(bench)
    options.step("CPU of a request under load")
    async with loaded(rig) as load:
        miss_cpu = await load.misses(count) / 1000
        hit_cpu = await load.hits(count) / 1000
        confirm_cpu = await load.confirmations(2 * count) / 1000
    options.step("the usual function, one request at a time")
    usual_cpu_s, usual_s = await _usual(rig, count=max(10, count // 10))
    return Meter(
        replace(miss, handler_cpu_s=miss_cpu, processor_cpu_s=confirm_cpu),
        replace(hit, handler_cpu_s=hit_cpu, processor_cpu_s=confirm_cpu),
        idle,
        idle_s,
        idle_log,
        usual_cpu_s,
        usual_s,
    )


async def _idle(bench: Bench, repeats: int = 5) -> tuple[Trip, float, int]:
    """The sweeper's idle minute: its operations, the median of its seconds, its log's bytes."""
    seconds, trip, logged = [], Trip(), 0
    for _ in range(repeats):
        log, started = _log_size(bench.sweeper), time.monotonic()
        trip = (await bench.idle()).total
        seconds.append(time.monotonic() - started)
        logged = _log_size(bench.sweeper) - log
    return trip, median(seconds), logged


async def _usual(rig: Rig, *, count: int) -> tuple[float, float]:
    """CPU seconds per request of the usual function, alone in its instance, and the median of its seconds
    without the model's."""
    async with model_process(_MODEL_S, rig.folder) as model_url:
        env = rig.env(model_url, OPENAI_BASE_URL=model_url)
        usual = Instance("usual", env, rig.folder, source=_USUAL)
        lane = (rig.topology.request_subscription, usual, 1)
        async with rig.running(usual):
            for label, requests in (("warm", 5), ("usual", count)):
                await rig.publish(question(f"{label}-{number}") for number in range(requests))
                before = usual.cpu_s()
                async with rig.feed(lane) as feeder:
                    deliveries = await feeder.until(requests)
                cpu_s = (usual.cpu_s() - before) / requests
    return cpu_s, median([delivery.seconds for delivery in deliveries]) - _MODEL_S


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
        documents=len({path for call in writes for path in call.written if "/usage/" not in path}),
    )


def _log_size(instance: Instance) -> int:
    return instance.log.stat().st_size
