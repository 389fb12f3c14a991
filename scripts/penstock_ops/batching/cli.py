"""`penstock batches`: what can be typed, and what it means; the work is in other files."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

_Json = Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")]
_Tenant = Annotated[str, typer.Option(help="Whose batch it is.")]
_Name = Annotated[str, typer.Argument(metavar="BATCH", help="The batch's name, as `list` shows it.")]

batches = typer.Typer(
    help="Requests that went out many in a file, because their deadlines were far enough away.",
    rich_markup_mode="rich",
    no_args_is_help=True,
)


def add_batches(app: typer.Typer) -> None:
    """Register the verbs with the operator's command."""
    app.add_typer(batches, name="batches")


@batches.command("list")
def list_(
    tenant: _Tenant = "default",
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    as_json: _Json = False,
) -> None:
    """A tenant's batches, the newest first."""
    from penstock_ops.batching.listed import listed

    raise typer.Exit(asyncio.run(listed(tenant, limit, as_json=as_json)))


@batches.command()
def show(batch: _Name, tenant: _Tenant = "default", as_json: _Json = False) -> None:
    """How far a batch is, where it is, and what became of its lines."""
    from penstock_ops.batching.shown import show

    raise typer.Exit(asyncio.run(show(tenant, batch, as_json=as_json)))


@batches.command()
def cancel(batch: _Name, tenant: _Tenant = "default", as_json: _Json = False) -> None:
    """Call a batch back: what has been answered is collected, everybody else waits for the next one.

    Who must be answered soon is asked at once. What the provider has begun it may bill.
    """
    from penstock_ops.batching.cancelled import cancel

    raise typer.Exit(asyncio.run(cancel(tenant, batch, as_json=as_json)))
