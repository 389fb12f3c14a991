"""How results look in a terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from penstock_ops.tune.chart import terminal_chart
from penstock_ops.tune.gpus import GIB, MIB
from penstock_ops.tune.knobs import Knob
from penstock_ops.tune.recommend import Recommendation
from penstock_ops.tune.results import Results
from penstock_ops.tune.shape import ModelShape
from penstock_ops.tune.sizing import Plan
from penstock_ops.tune.stage import Stage


def plan_view(shape: ModelShape, plan: Plan, matrix: list[Plan], knobs: list[Knob]) -> RenderableType:
    """`compute`'s answer: the sizes with their formula, what fits, and which knobs act."""
    return Group(
        _formula(shape, plan),
        _sizes(plan),
        Text(f"\ndoes not fit: {plan.misfit}", style="bold red") if plan.misfit else Text(""),
        *(Text(f"note: {note}") for note in plan.notes),
        _fits(matrix),
        Text(""),
        _knobs(knobs),
        Text(
            "Working memory is an assumption (1 GiB for CUDA context and graphs): the engine prints the true "
            "cache size when it starts, and `measure` shows what is in force.",
            style="dim",
        ),
    )


def formula_lines(shape: ModelShape, plan: Plan) -> list[str]:
    """The arithmetic, with this model's numbers in it."""
    wiggle = " · 0.90 (TGI_WIGGLE_ROOM)" if plan.engine == "tgi" else ""
    return [
        f"weights      = {shape.linear_parameters:,} projection parameters ({plan.quantization.name}) "
        f"+ {shape.other_parameters:,} others at 16 bit = {plan.weights / GIB:.2f} GiB",
        f"KV per token = {_per_token(shape, plan)} = {plan.kv_bytes_per_token:,} B",
        f"KV cache     = ({plan.gpu.memory_bytes / GIB:.2f} GiB · {plan.memory_fraction:g} "
        f"− {plan.weights / GIB:.2f} weights − {plan.workspace / GIB:.2f} workspace "
        f"− {plan.activations / GIB:.2f} prefill step){wiggle} = {plan.kv_cache / GIB:.2f} GiB",
        f"batch tokens = KV cache{_beside(plan)} / KV per token, in blocks of 16 = "
        f"{plan.max_batch_total_tokens:,}",
        f"concurrency  = KV cache / {plan.sequence_bytes / MIB:.2f} MiB that a mean request holds, "
        f"at most what the engine batches = {plan.concurrency}",
    ]


def _per_token(shape: ModelShape, plan: Plan) -> str:
    element = plan.kv_bytes_per_token // shape.kv_elements_per_token
    attending = [cache.token_elements for cache in shape.caches if cache.token_elements]
    if shape.kv_heads:
        heads = f"{shape.kv_heads} kv heads · {shape.head_size} head size"
        return f"2 · {len(attending)} layers · {heads} · {element} B"
    return f"{len(attending)} layers · {attending[0]} compressed · {element} B"


def _beside(plan: Plan) -> str:
    if not plan.state_bytes:
        return ""
    return f" beside {plan.concurrency} states of {plan.state_bytes / MIB:.1f} MiB"


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def _formula(shape: ModelShape, plan: Plan) -> Text:
    title = f"{shape.family}, {shape.parameters / 1e9:.2f} B parameters, {plan.engine} on {plan.gpu.name}\n"
    return Text.assemble((title, "bold"), "\n".join(formula_lines(shape, plan)))


def _sizes(plan: Plan) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in (
        ("MAX_BATCH_TOTAL_TOKENS, at most", plan.max_batch_total_tokens),
        ("prefill tokens of a step", plan.max_batch_prefill_tokens),
        ("longest input", plan.max_input_tokens),
        ("longest input plus output", plan.max_total_tokens),
        ("Cloud Run concurrency", plan.concurrency),
    ):
        table.add_row(name, f"{value:,}")
    return table


def _fits(matrix: list[Plan]) -> Table:
    table = _table("what fits")
    for column in ("GPU", "engine", "quantization", "weights", "batch tokens"):
        right = column in ("weights", "batch tokens")
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    table.add_column("", min_width=12)
    for plan in matrix:
        gpu, weights = plan.gpu.key.removeprefix("nvidia-"), f"{plan.weights / GIB:.1f} GiB"
        table.add_row(
            gpu, plan.engine, plan.quantization.name, weights,
            f"{plan.max_batch_total_tokens:,}" if plan.fits else "–",
            Text("fits", style="green") if plan.fits else Text(plan.misfit or "", style="red"),
        )  # fmt: skip
    return table


def _knobs(knobs: list[Knob]) -> Table:
    table = _table("batching knobs for this model")
    for column in ("knob", "acts", "what it does, and what moves it instead"):
        table.add_column(column, no_wrap=column == "knob")
    for knob in knobs:
        acts = Text("yes", style="green") if knob.in_force else Text("no", style="bold red")
        table.add_row(knob.name, acts, knob.effect + (f". Instead: {knob.instead}" if knob.instead else ""))
    return table


def stage_line(stage: Stage) -> str:
    """One line per stage while a sweep runs."""
    what = f"{stage.load:>6.0f} in flight" if stage.loop == "closed" else f"{stage.load:>7.2f} arrivals/s"
    late = "" if stage.loop == "closed" or stage.sustained else "  falls behind"
    lost = f"  {stage.rejected} refused" if stage.rejected else ""
    lost += f"  {stage.broken} broken off" if stage.broken else ""
    times = f"p50 {stage.p50_s:6.2f} s  p99 {stage.p99_s:6.2f} s"
    return f"{what}: {stage.requests_per_s:7.2f} requests/s  {times}{late}{lost}"


def results_view(results: Results) -> RenderableType:
    """`measure`'s answer: both tables, the chart, the knee and what is not in force."""
    parts: list[RenderableType] = [_stages("closed loop", "in flight", results.closed)]
    if results.opened:
        parts.append(_stages("open loop", "arrivals/s", results.opened))
    parts += [Text(""), terminal_chart(results), *(Text(line) for line in knee_lines(results))]
    parts += [Text(f"NOT IN FORCE: {line}", style="bold red") for line in results.not_in_force()]
    return Group(*parts)


def knee_lines(results: Results) -> list[str]:
    """The knee and the highest rate that was kept up with, in words."""
    knee, lines = results.knee, []
    if knee:
        lines.append(
            f"knee: {knee.concurrency:.1f} in flight, {knee.requests_per_s:.2f} requests/s "
            f"(97 % of the best, {knee.best_requests_per_s:.2f})"
        )
        if not knee.reached:
            lines.append(
                "throughput still rose at the highest concurrency: measure further with --max-concurrency"
            )
    if results.opened:
        rate = results.sustained_rate
        lines.append(
            f"kept up with: {rate:.2f} arrivals/s" if rate else "kept up with none of the arrival rates"
        )
    return lines


def _stages(title: str, load: str, stages: list[Stage]) -> Table:
    table = _table(title)
    for column in (load, "n", "req/s", "in tok/s", "out tok/s", "p50 s", "p99 s", "queue s", "first s", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for s in stages:
        verdict = f"{s.rejected} refused" if s.rejected else f"{s.broken} broken" if s.broken else ""
        if s.loop == "open" and not s.sustained:
            verdict = verdict or f"behind ({s.kept_up or 0:.0%})"
        table.add_row(
            f"{s.load:.4g}", str(s.requests), f"{s.requests_per_s:.2f}", f"{s.input_tokens_per_s:.0f}",
            f"{s.output_tokens_per_s:.0f}", f"{s.p50_s:.2f}", f"{s.p99_s:.2f}", _or_dash(s.queue_s),
            _or_dash(s.first_token_s), verdict,
        )  # fmt: skip
    return table


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def recommendation_lines(found: Recommendation) -> list[str]:
    """`recommend`'s answer in words."""

    def from_rate(rate: float | None) -> str:
        return f"from {rate:,.0f} requests an hour" if rate is not None else "never on this GPU"

    lines = [
        f"concurrency {found.concurrency}: {found.requests_per_s:.2f} requests/s per instance, "
        f"{found.latency_s:.1f} s each; plan for {found.rate_per_instance:.2f} arrivals/s per instance",
        f"an instance costs ${found.dollars_per_hour:.3f} an hour while it is up ({found.gpu.min_vcpu} vCPU, "
        f"{found.gpu.min_memory_gib} GiB, {found.gpu.name})",
        f"at this point: ${found.dollars_per_million_tokens:.3f} per million tokens "
        f"(${found.dollars_per_million_output_tokens:.3f} per million of output); "
        f"{found.hosted_model}: ${found.hosted_dollars_per_million_tokens:.3f} for the same mix",
        f"cheaper than {found.hosted_model}, cold start and idle tail included: "
        + from_rate(found.break_even_per_hour),
    ]
    if found.break_even_batch_per_hour is not None or found.break_even_per_hour is not None:
        lines.append(f"cheaper than its batch price: {from_rate(found.break_even_batch_per_hour)}")
    return lines + [f"note: {note}" for note in found.notes]


def plan_json(shape: ModelShape, plan: Plan, matrix: list[Plan], knobs: list[Knob]) -> dict[str, Any]:
    """`compute --json`."""
    return {
        "model": {
            "family": shape.family,
            "parameters": shape.parameters,
            "linear_parameters": shape.linear_parameters,
            "context": shape.context,
        },
        **_plan_fields(plan),
        "formula": formula_lines(shape, plan),
        "notes": list(plan.notes),
        "matrix": [_plan_fields(p) for p in matrix],
        "knobs": [vars(k) for k in knobs],
    }


def _plan_fields(plan: Plan) -> dict[str, Any]:
    return {
        "engine": plan.engine,
        "gpu": plan.gpu.key,
        "quantization": plan.quantization.name,
        "fits": plan.fits,
        "misfit": plan.misfit,
        "gpu_bytes": plan.gpu.memory_bytes,
        "memory_fraction": plan.memory_fraction,
        "weight_bytes": plan.weights,
        "workspace_bytes": plan.workspace,
        "activation_bytes": plan.activations,
        "kv_bytes_per_token": plan.kv_bytes_per_token,
        "state_bytes_per_sequence": plan.state_bytes,
        "sequence_bytes": plan.sequence_bytes,
        "kv_cache_bytes": plan.kv_cache,
        "max_batch_total_tokens": plan.max_batch_total_tokens,
        "max_batch_prefill_tokens": plan.max_batch_prefill_tokens,
        "max_input_tokens": plan.max_input_tokens,
        "max_total_tokens": plan.max_total_tokens,
        "cloud_run_concurrency": plan.concurrency,
    }
