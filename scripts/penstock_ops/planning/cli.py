"""`penstock plan`: what can be typed, and what it means; the work is in other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock_ops.terminal.faults import Misuse


def add_plan(app: typer.Typer) -> None:
    """Register the verb with the operator's command."""
    app.command()(plan)


def plan(
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT", help="Each is one request; - reads stdin.")
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="Requests, as `penstock publish` takes them.")
    ] = None,
    routes: Annotated[
        Path | None, typer.Option(help="The deployment's routes (default: PENSTOCK_ROUTES).")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose request it is.")] = None,
    model: Annotated[str | None, typer.Option(help="Alias of a route.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", help="NAME=VALUE, such as max_tokens=200; repeatable."),
    ] = None,
    deadline: Annotated[str | None, typer.Option(help="No answer is paid after this RFC 3339 time.")] = None,
    max_wait: Annotated[str | None, typer.Option(help="The same as a duration: 90, 10m, 2h, 1d.")] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            help="Recorded traffic instead: an Azure LLM inference trace; --max-wait is every row's."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn in a replay.")] = 1,
    takes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MEDIAN,P95",
            help="Of a replay: the seconds that a target really takes, where they are not as believed.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")] = False,
) -> None:
    """What requests would cost in each lane, and which they would go by, and why. Nothing is published.

    One request is shown with every target of its route, many as sums.

    [b]Examples[/b]

      penstock plan --routes routes.json --max-wait 6h "Why is the sky blue?"

      penstock plan --max-wait 1d --file questions.jsonl

      penstock plan --max-wait 6h --trace AzureLLMInferenceTrace_conv.csv

    A replay exits 1 where what it foretold is more than 10 % of the dollars or 2 points of misses off.
    """
    from penstock_ops.asking.publish_options import Options
    from penstock_ops.planning.plan import plan

    options = Options(
        tenant=tenant, model=model, params=param or (), deadline=deadline, max_wait=max_wait
    )  # fmt: skip
    if trace is not None:
        from penstock_ops.planning.replay import replay

        if prompts or file:
            raise Misuse("--trace takes the place of prompts and files: give one or the other.")
        raise typer.Exit(replay(trace, options, routes, seed, takes or (), as_json=as_json))
    if takes:
        raise Misuse("--takes is of a replay: give it with --trace.")
    raise typer.Exit(plan(prompts or [], file or [], options, routes, as_json=as_json))
