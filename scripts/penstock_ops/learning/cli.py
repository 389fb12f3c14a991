"""What stored results teach: the verbs that can be typed, and what they mean; the work is in other files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

_Json = Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")]
_Tenant = Annotated[str, typer.Option(help="Whose results.")]
_Since = Annotated[str | None, typer.Option(help="Only results from that day on, UTC: 2026-11-21.")]

experiment = typer.Typer(
    help="Routes that split their requests between targets.", rich_markup_mode="rich", no_args_is_help=True
)


def add_learning(app: typer.Typer) -> None:
    """Register the verbs with the operator's command."""
    app.add_typer(experiment, name="experiment")
    app.command()(export)


@experiment.callback()
def _root() -> None:
    """A command of one verb would else be that verb."""


@experiment.command()
def report(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The experiment, as its route names it.")],
    tenant: _Tenant = "default",
    since: _Since = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Results, one a line, instead of the store; - is stdin."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="The arm that others are compared with (default: the largest).")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Compare the arms of an experiment: cost, time, failures, with intervals or "not enough data".

    Reads what is stored of one tenant. Of all tenants, from the warehouse:

    [b]Examples[/b]

      penstock experiment report small-enough

      bq query --format=json "SELECT data FROM penstock.results WHERE experiment = 'small-enough'"
      | jq -r '.[].data' | penstock experiment report small-enough --file -
    """
    from penstock_ops.learning.report import report

    raise typer.Exit(asyncio.run(report(name, tenant, since, file, baseline, as_json=as_json)))


def export(
    out: Annotated[
        Path, typer.Option(help="Where to: OUT-train.jsonl, OUT-validation.jsonl and OUT-datasheet.json.")
    ],
    form: Annotated[
        str, typer.Option("--format", help="openai-chat, or hf-messages for the libraries datasets and TRL.")
    ] = "openai-chat",
    tenant: _Tenant = "default",
    route: Annotated[
        str | None, typer.Option(help="Only what named this route; default: what named none.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Only what this target answered: the teacher.")] = None,
    since: _Since = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(help="A field that leaves every message and every JSON text in one; repeatable."),
    ] = None,
    validation: Annotated[float, typer.Option(help="The share held back, by hash of the question.")] = 0.1,
    usd_per_million: Annotated[
        float | None, typer.Option(min=0, help="What the training costs for a million tokens, for the sheet.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="How often each example is trained on.")] = 3,
    as_json: _Json = False,
) -> None:
    """Write a tenant's answers as a set to tune a smaller model on, with a datasheet beside it.

    Completed requests alone, each question once. What is cut off, failed or no longer there is left out and
    counted. Nothing is written unless all of it is.

    [b]Examples[/b]

      penstock export --tenant acme --route fast --since 2026-11-01 --out acme

      penstock export --format hf-messages --target mini --drop email --drop phone --out distilled
    """
    from penstock_ops.learning.export import Wanted, export

    wanted = Wanted(
        tenant, form, route, target, since, tuple(drop or ()), validation, usd_per_million, epochs
    )
    raise typer.Exit(asyncio.run(export(wanted, out, as_json=as_json)))
