"""`penstock tune compute`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from penstock_ops.tune.gpus import find_gpu, gpu_table
from penstock_ops.tune.knobs import knobs_for
from penstock_ops.tune.options import (
    AsJson,
    Config,
    Engine,
    Fraction,
    GpuName,
    KvDtype,
    Parameters,
    QuantizationName,
    TraceFile,
    check_engine,
    one_clear_line,
)
from penstock_ops.tune.quantization import find_quantization, formats_for
from penstock_ops.tune.shape import ModelShape, read_shape
from penstock_ops.tune.sizing import Plan, Wishes, Workload, plan
from penstock_ops.tune.trace import read_trace
from penstock_ops.tune.view import plan_json, plan_view


def compute(
    config: Config,
    gpu: GpuName = "l4",
    quantization: QuantizationName = None,
    engine: Engine = "vllm",
    kv_dtype: KvDtype = "auto",
    memory_fraction: Fraction = None,
    max_total_tokens: Annotated[int | None, typer.Option(min=2, help="Longest input plus output.")] = None,
    prefill_tokens: Annotated[int | None, typer.Option(min=16, help="Tokens of one prefill step.")] = None,
    trace: TraceFile = None,
    parameters: Parameters = None,
    as_json: AsJson = False,
) -> None:
    """What fits the GPU, from the model's shape alone: weights, KV cache, batch, concurrency, knobs."""
    check_engine(engine)
    with one_clear_line():
        shape, card, workload = read_shape(config, parameters), find_gpu(gpu), workload_of(trace)
        wishes = Wishes(memory_fraction, kv_dtype, max_total_tokens, prefill_tokens)
        chosen = plan(shape, card, find_quantization(quantization, shape), engine, workload, wishes)
        matrix, knobs = what_fits(shape, workload, wishes), knobs_for(engine, shape)
    if as_json:
        typer.echo(json.dumps(plan_json(shape, chosen, matrix, knobs), indent=1))
    else:
        Console(highlight=False).print(plan_view(shape, chosen, matrix, knobs))
    if not chosen.fits:
        typer.echo(f"error: {chosen.quantization.name} on the {card.name}: {chosen.misfit}", err=True)
        raise typer.Exit(1)


def workload_of(trace: Path | None) -> Workload:
    """The mean request of a trace."""
    rows = read_trace(trace)
    return Workload(rows.mean_input, rows.mean_output)


def what_fits(shape: ModelShape, workload: Workload, wishes: Wishes) -> list[Plan]:
    """A plan for every GPU, engine with kernels for it, and format that the checkpoint allows."""
    return [
        plan(shape, gpu, quantization, engine, workload, wishes)
        for gpu in gpu_table().values()
        for engine in gpu.engines
        for quantization in formats_for(shape)
        if engine in quantization.engines
    ]
