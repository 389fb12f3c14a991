"""`penstock similar` and `penstock wrong`: what can be typed and means; the work is in other files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

_Json = Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")]
_Tenant = Annotated[str, typer.Option(help="Whose answers.")]

similar = typer.Typer(
    help="Answers of similar questions: what is known of how often they are wrong (docs/similar.md).",
    rich_markup_mode="rich",
    no_args_is_help=True,
)


def add_similar(app: typer.Typer) -> None:
    """Register the verbs with the operator's command."""
    app.add_typer(similar, name="similar")
    app.command()(wrong)


@similar.command()
def show(tenant: _Tenant = "default", as_json: _Json = False) -> None:
    """Where each way stands: gathering evidence, open at a threshold, or closed; judged and wrong at each."""
    from penstock_ops.similar.show import show

    raise typer.Exit(asyncio.run(show(tenant, as_json=as_json)))


@similar.command()
def reset(
    way: Annotated[str, typer.Argument(metavar="WAY", help="The beginning of its name, as `show` has it.")],
    tenant: _Tenant = "default",
    as_json: _Json = False,
) -> None:
    """Let a way begin anew, without evidence: once it is known why so many were wrong that it closed."""
    from penstock_ops.similar.show import reset

    raise typer.Exit(asyncio.run(reset(way, tenant, as_json=as_json)))


@similar.command()
def learn(
    route: Annotated[str, typer.Argument(metavar="ROUTE", help="The alias of a route with similar answers.")],
    tenant: _Tenant = "default",
    routes: Annotated[
        Path | None, typer.Option(help="The deployment's routes (default: PENSTOCK_ROUTES).")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only results from that day on, UTC: 2026-11-21.")] = None,
    planted: Annotated[
        int, typer.Option(min=0, help="Wrong pairs by which the judge is tried; 299 bound its misses at 1 %.")
    ] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to pay for it.")] = False,
    as_json: _Json = False,
) -> None:
    """Gather evidence from what was answered before: whose answer would have stood for whose question?

    Reads the tenant's results in the order of their time. Embeddings are paid, and what verifier and judge
    are asked; what it will come to is said first. The questions are kept, so that the next ones are found.

    [b]Examples[/b]

      penstock similar learn faq --tenant acme --planted 299
    """
    from penstock_ops.similar.learn import learn

    asked = learn(route, tenant, routes, since, planted, yes=yes, as_json=as_json)
    raise typer.Exit(asyncio.run(asked))


def wrong(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request that was given it.")],
    tenant: _Tenant = "default",
    as_json: _Json = False,
) -> None:
    """Say that a similar answer was wrong: nobody is given its source's any more, and it counts as evidence.

    The source's answer leaves the cache, and its question those that are found. Lists whom it was given to.

    [b]Examples[/b]

      penstock wrong --tenant acme order-17
    """
    from penstock_ops.similar.wrong import wrong

    raise typer.Exit(asyncio.run(wrong(request_id, tenant, as_json=as_json)))
