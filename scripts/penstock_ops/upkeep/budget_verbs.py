"""`penstock budget set|show|list|clear`: what can be typed, and what it means. The work is in budget.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

_Json = Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")]
_Scope = Annotated[str, typer.Option(help="all, tenant:NAME or target:NAME.")]
_Per = Annotated[str, typer.Option(help="day or month, both of UTC.")]
_Model = Annotated[str | None, typer.Option(help="Only for this model, as the price book names it.")]

verbs = typer.Typer(
    help="Budgets: no call starts that might cost more than is left.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@verbs.command(name="set")
def set_budget(
    usd: Annotated[str, typer.Argument(metavar="USD", help="How much, in US dollars.")],
    scope: _Scope = "all",
    per: _Per = "month",
    model: _Model = None,
    on_exhausted: Annotated[
        str, typer.Option(help="park: wait for the next period or for more; fail: end with budget_exhausted.")
    ] = "park",
    as_json: _Json = False,
) -> None:
    """Set a budget, or change one; every instance holds to it within ten seconds.

    What waits for money is looked at again. A call under way is not stopped; it was held for.

    [b]Examples[/b]

      penstock budget set 30

      penstock budget set 2.50 --scope tenant:acme --per day --on-exhausted fail
    """
    from penstock_ops.upkeep.budget import set_budget as work

    _run(lambda: work(usd, scope, per, model, on_exhausted, as_json=as_json))


@verbs.command()
def clear(scope: _Scope = "all", per: _Per = "month", model: _Model = None, as_json: _Json = False) -> None:
    """Take a budget away, also one that the deployment's settings name.

    [b]Examples[/b]

      penstock budget clear --scope tenant:acme --per day
    """
    from penstock_ops.upkeep.budget import clear_budget

    _run(lambda: clear_budget(scope, per, model, as_json=as_json))


@verbs.command(name="list")
def list_budgets(as_json: _Json = False) -> None:
    """Show every budget: what is spent and held in this period, and what is left.

    [b]Examples[/b]

      penstock budget list
    """
    from penstock_ops.upkeep.budget import list_budgets as work

    _run(lambda: work(None, as_json=as_json))


@verbs.command()
def show(
    scope: Annotated[str, typer.Argument(help="all, tenant:NAME or target:NAME.")] = "all",
    as_json: _Json = False,
) -> None:
    """Show the budgets of one scope.

    [b]Examples[/b]

      penstock budget show tenant:acme --json
    """
    from penstock_ops.upkeep.budget import list_budgets as work

    _run(lambda: work(scope, as_json=as_json))


def _run(verb: Callable[[], Coroutine[Any, Any, int]]) -> None:
    raise typer.Exit(asyncio.run(verb()))
