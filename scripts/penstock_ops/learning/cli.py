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
