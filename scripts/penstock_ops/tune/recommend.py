"""From a measurement (and a config, if given) to the settings to deploy, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from penstock.money.pricing import PriceBook
from penstock_ops.tune.cost import SleepingEngine, hosted_dollars, hosted_prices, instance_dollars_per_s
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.gpus import Gpu
from penstock_ops.tune.knobs import is_flash
from penstock_ops.tune.results import Results
from penstock_ops.tune.shape import ModelShape
from penstock_ops.tune.sizing import Plan, Workload

#: Share of the measured best that one instance is asked for when no open-loop rate was measured.
PLANNED_SHARE = 0.8
#: Cloud Run takes at most so many requests per instance.
CLOUD_RUN_MAX_CONCURRENCY = 1000


@dataclass(frozen=True)
class Demand:
    """What is expected of the deployment."""

    requests_per_hour: float | None = None
    p99_s: float | None = None
    hosted_model: str = "gpt-5.4-nano"
    cold_start_s: float = 60.0
    #: Cloud Run may keep an idle GPU instance for up to ten minutes; the dearest case is planned for.
    idle_tail_s: float = 600.0


@dataclass(frozen=True)
class Recommendation:
    """The settings, their cost, and where they begin to pay."""

    kind: str
    gpu: Gpu
    concurrency: int
    max_instances: int
    requests_per_s: float
    latency_s: float
    rate_per_instance: float
    dollars_per_hour: float
    dollars_per_million_tokens: float
    dollars_per_million_output_tokens: float
    hosted_model: str
    hosted_dollars_per_million_tokens: float
    #: Requests per hour from which self-hosting is cheaper; None: never on this GPU.
    break_even_per_hour: float | None
    break_even_batch_per_hour: float | None
    plan: Plan | None
    flash: bool
    notes: list[str] = field(default_factory=list)


def recommend(
    results: Results, gpu: Gpu, plan: Plan | None, shape: ModelShape | None, demand: Demand, book: PriceBook
) -> Recommendation:
    """The point to run at. Raises TuneFault when nothing that was measured fits or is fast enough."""
    if plan is not None and not plan.fits:
        raise TuneFault(f"{plan.quantization.name} on the {gpu.name}: {plan.misfit}; nothing to recommend")
    kind = str(results.identity.get("kind", "vllm"))
    if kind not in gpu.engines:
        raise TuneFault(f"{kind} has no kernels for the {gpu.name}; use {' or '.join(gpu.engines)}")
    notes = [*results.not_in_force(), *(plan.notes if plan else ())]
    concurrency, per_s, latency = _point(results, plan, demand, notes)
    sustained = results.sustained_rate
    rate = min(sustained, per_s) if sustained else PLANNED_SHARE * per_s
    workload = Workload(results.workload["input_tokens"], results.workload["output_tokens"])
    tokens = workload.resident_tokens
    dollars = instance_dollars_per_s(book, gpu, gpu.min_vcpu, gpu.min_memory_gib)
    engine = SleepingEngine(dollars, per_s, latency, demand.cold_start_s, demand.idle_tail_s)
    prices = hosted_prices(book, demand.hosted_model)
    batch = getattr(prices, "batch", None)
    hosted = hosted_dollars(prices, workload)
    return Recommendation(
        kind=kind,
        gpu=gpu,
        concurrency=concurrency,
        max_instances=_instances(demand, rate),
        requests_per_s=per_s,
        latency_s=latency,
        rate_per_instance=rate,
        dollars_per_hour=dollars * 3600,
        dollars_per_million_tokens=dollars / (per_s * tokens) * 1e6,
        dollars_per_million_output_tokens=dollars / (per_s * workload.output_tokens) * 1e6,
        hosted_model=demand.hosted_model,
        hosted_dollars_per_million_tokens=hosted / tokens * 1e6,
        break_even_per_hour=engine.break_even_per_hour(hosted),
        break_even_batch_per_hour=engine.break_even_per_hour(hosted_dollars(batch, workload))
        if batch
        else None,
        plan=plan,
        flash=is_flash(shape) if shape else True,
        notes=notes,
    )


def _point(results: Results, plan: Plan | None, demand: Demand, notes: list[str]) -> tuple[int, float, float]:
    """(concurrency, requests per second, mean seconds of a request) to run at."""
    knee = results.knee
    if knee is None:
        raise TuneFault("the measurement has fewer than three closed-loop stages; let `measure` run further")
    if not knee.reached:
        notes.append("throughput still rose at the highest concurrency measured: measure with a higher one")
    concurrency = knee.whole
    if plan is not None and concurrency > plan.concurrency:
        notes.append(
            f"the knee lies at {concurrency}, but the KV cache holds {plan.concurrency} such requests"
        )
        concurrency = plan.concurrency
    if demand.p99_s is not None:
        fast = [s.load for s in results.closed if s.requests and s.p99_s <= demand.p99_s]
        if not fast:
            slowest = min(s.p99_s for s in results.closed if s.requests)
            raise TuneFault(
                f"no measured concurrency has a p99 of {demand.p99_s:g} s; the best is {slowest:.1f} s"
            )
        concurrency = min(concurrency, int(max(fast)))
    concurrency = max(1, min(concurrency, CLOUD_RUN_MAX_CONCURRENCY))
    per_s = knee.throughput(concurrency)
    return concurrency, per_s, concurrency / per_s


def _instances(demand: Demand, rate: float) -> int:
    if demand.requests_per_hour is None:
        return 1
    return max(1, math.ceil(demand.requests_per_hour / 3600 / rate))


def engine_settings(found: Recommendation, model: str | None, image: str | None) -> dict[str, Any]:
    """The `engine` object of the Terraform module, ready for tfvars."""
    plan = found.plan
    settings: dict[str, Any] = {"kind": found.kind, "gpu": found.gpu.key}
    settings |= {name: value for name, value in (("model", model), ("image", image)) if value}
    if plan is not None and plan.quantization.flag(found.kind):
        settings["quantization"] = plan.quantization.flag(found.kind)
    settings |= {"concurrency": found.concurrency, "min_instances": 0, "max_instances": found.max_instances}
    settings[found.kind] = _tgi(found) if found.kind == "tgi" else _vllm(found)
    return settings


def _vllm(found: Recommendation) -> dict[str, Any]:
    plan = found.plan
    settings: dict[str, Any] = {"max_num_seqs": found.concurrency, "max_num_queued_reqs": found.concurrency}
    if plan is not None:
        settings |= {
            "max_num_batched_tokens": plan.max_batch_prefill_tokens,
            "max_model_len": plan.max_total_tokens,
            "gpu_memory_utilization": plan.memory_fraction,
        }
        if plan.kv_dtype != "auto":
            settings["kv_cache_dtype"] = plan.kv_dtype
    return settings


def _tgi(found: Recommendation) -> dict[str, Any]:
    plan = found.plan
    settings: dict[str, Any] = {"max_concurrent_requests": max(128, found.concurrency)}
    if plan is not None:
        settings |= {
            "max_batch_prefill_tokens": plan.max_batch_prefill_tokens,
            "max_input_tokens": plan.max_input_tokens,
            "max_total_tokens": plan.max_total_tokens,
            "cuda_memory_fraction": plan.memory_fraction,
        }
        if plan.kv_dtype == "fp8":
            settings["kv_cache_dtype"] = "fp8_e5m2"
        if not found.flash:  # flash models ignore it: what is inert is not recommended
            settings["max_batch_total_tokens"] = plan.max_batch_total_tokens
    return settings


def as_tfvars(settings: dict[str, Any]) -> str:
    """`engine = {…}` in Terraform's own syntax, aligned as `terraform fmt` does."""
    return "engine = " + _hcl(settings, 0) + "\n"


def _hcl(value: Any, depth: int) -> str:
    if isinstance(value, dict):
        pad, width = "  " * (depth + 1), max(len(k) for k in value)
        lines = [
            f"{pad}{k} = {_hcl(v, depth + 1)}" if isinstance(v, dict) else f"{pad}{k:<{width}} = {_hcl(v, 0)}"
            for k, v in value.items()
        ]
        return "{\n" + "\n".join(lines) + "\n" + "  " * depth + "}"
    return (
        f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    )
