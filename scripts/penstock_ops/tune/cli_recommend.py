"""`penstock tune recommend`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from penstock.errors import SettingsError
from penstock.money.pricing import PriceBook
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.gpus import find_gpu
from penstock_ops.tune.options import (
    AsJson,
    Fraction,
    GpuName,
    KvDtype,
    Parameters,
    QuantizationName,
    one_clear_line,
)
from penstock_ops.tune.quantization import find_quantization
from penstock_ops.tune.recommend import Demand, Recommendation, as_tfvars, engine_settings, recommend
from penstock_ops.tune.results import read_results
from penstock_ops.tune.shape import read_shape
from penstock_ops.tune.sizing import Wishes, Workload, plan
from penstock_ops.tune.view import recommendation_lines


def recommend_command(
    measured: Annotated[Path, typer.Option(help="What `measure --out` wrote, on the same GPU.")],
    gpu: GpuName = "l4",
    config: Annotated[Path | None, typer.Option(help="The model's config.json: checks what fits.")] = None,
    quantization: QuantizationName = None,
    kv_dtype: KvDtype = "auto",
    memory_fraction: Fraction = None,
    max_total_tokens: Annotated[int | None, typer.Option(min=2, help="Longest input plus output.")] = None,
    parameters: Parameters = None,
    hosted: Annotated[
        str, typer.Option(help="Hosted model to compare with, from the price book.")
    ] = "gpt-5.4-nano",
    prices: Annotated[Path | None, typer.Option(help="A price book laid over ours.")] = None,
    requests_per_hour: Annotated[
        float | None, typer.Option(min=0, help="Peak load: gives max_instances.")
    ] = None,
    p99: Annotated[float | None, typer.Option(min=0, help="Slowest p99 allowed, in seconds.")] = None,
    cold_start: Annotated[float, typer.Option(min=0, help="Seconds from nothing to the first answer.")] = 60,
    idle_tail: Annotated[float, typer.Option(min=0, help="Seconds an idle instance is kept.")] = 600,
    model: Annotated[str | None, typer.Option(help="engine.model in the tfvars.")] = None,
    image: Annotated[str | None, typer.Option(help="engine.image in the tfvars, pinned by digest.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the tfvars here instead of printing them.")] = None,
    as_json: AsJson = False,
) -> None:
    """What to deploy: the engine's tfvars, the cost per million tokens, and where it breaks even."""
    with one_clear_line():
        results, card = read_results(measured), find_gpu(gpu)
        shape = read_shape(config, parameters) if config else None
        kind = str(results.identity.get("kind"))
        sized = None
        if shape is not None:
            workload = Workload(results.workload["input_tokens"], results.workload["output_tokens"])
            wishes = Wishes(memory_fraction, kv_dtype, max_total_tokens)
            sized = plan(shape, card, find_quantization(quantization, shape), kind, workload, wishes)
        demand = Demand(requests_per_hour, p99, hosted, cold_start, idle_tail)
        found = recommend(results, card, sized, shape, demand, _book(prices))
        settings = engine_settings(found, model, image)
        if out is not None:
            _write(out, as_tfvars(settings))
    if as_json:
        typer.echo(json.dumps(_json(found, settings), indent=1))
        return
    for line in recommendation_lines(found):
        typer.echo(line)
    if sized is None:
        typer.echo("note: without --config nothing was checked against the GPU's memory")
    if not (model and image):
        typer.echo("note: the module also needs engine.model and engine.image (--model, --image)")
    typer.echo(f"tfvars: {out}" if out else "\n" + as_tfvars(settings), nl=bool(out))


def _book(prices: Path | None) -> PriceBook:
    try:
        return PriceBook.load(prices)
    except SettingsError as error:
        raise TuneFault(" ".join(str(error).split())) from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TuneFault(f"cannot write {path}: {error.strerror}") from None


def _json(found: Recommendation, settings: dict[str, Any]) -> dict[str, Any]:
    numbers = {k: v for k, v in asdict(found).items() if k not in ("gpu", "plan", "flash")}
    return {**numbers, "gpu": found.gpu.key, "engine": settings}
