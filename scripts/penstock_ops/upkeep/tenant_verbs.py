"""`penstock tenant set|list`: what can be typed, and what it means. The work is in tenant.py."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

_Json = Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")]

verbs = typer.Typer(
    help="Tenants: whose turn it is where several wait for the same limit.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@verbs.command(name="set")
def set_tenant(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose weight.")],
    weight: Annotated[float, typer.Option(help="Its share beside that of others: 1 is anybody's.")],
    as_json: _Json = False,
) -> None:
    """Set a tenant's weight: with 3 it is served three times as much as others, where both wait.

    It holds from the next minute on, and where shared limits are on (PENSTOCK_LIMITS).

    [b]Examples[/b]

      penstock tenant set acme --weight 3
    """
    from penstock_ops.upkeep.tenant import set_weight

    raise typer.Exit(asyncio.run(set_weight(tenant, weight, as_json=as_json)))


@verbs.command(name="list")
def list_tenants(as_json: _Json = False) -> None:
    """Show the weights that differ from anybody's.

    [b]Examples[/b]

      penstock tenant list --json
    """
    from penstock_ops.upkeep.tenant import list_weights

    raise typer.Exit(asyncio.run(list_weights(as_json=as_json)))
