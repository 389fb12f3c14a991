"""`penstock endpoint` and `penstock callback`: what can be typed; the work is in other files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

_Json = Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")]
_Tenant = Annotated[str, typer.Option(help="Whose it is.")]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The endpoint's name, as messages give it.")]
_Endpoint = Annotated[str | None, typer.Option("--endpoint", help="Only of this endpoint.")]

endpoint = typer.Typer(
    help="Where callbacks go: register an endpoint, try it, switch it on again.",
    rich_markup_mode="rich",
    no_args_is_help=True,
)
callback = typer.Typer(
    help="What endpoints were told, or are to be told: list it, send it again.",
    rich_markup_mode="rich",
    no_args_is_help=True,
)


def add_callbacks(app: typer.Typer) -> None:
    """Register the verbs with the operator's command."""
    app.add_typer(endpoint, name="endpoint")
    app.add_typer(callback, name="callback")


@endpoint.command()
def add(
    name: _Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="https://host/path, on the internet.")],
    tenant: _Tenant = "default",
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Give it another key; for a day both sign.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Register an endpoint, or change one, and print the key that its callbacks are signed with.

    [b]Examples[/b]

      penstock endpoint add crm https://crm.example.com/hooks/penstock

      penstock endpoint add crm https://crm.example.com/hooks/penstock --rotate
    """
    from penstock_ops.calling.registered import add

    _run(lambda: add(name, url, tenant, rotate=rotate, as_json=as_json))


@endpoint.command("list")
def list_endpoints(tenant: _Tenant = "default", as_json: _Json = False) -> None:
    """List a tenant's endpoints: where they lead, since when they fail, which are switched off."""
    from penstock_ops.calling.registered import listed

    _run(lambda: listed(tenant, as_json=as_json))


@endpoint.command()
def enable(name: _Name, tenant: _Tenant = "default", as_json: _Json = False) -> None:
    """Switch an endpoint on again; what has waited for it goes out within the hour."""
    from penstock_ops.calling.registered import enable

    _run(lambda: enable(name, tenant, as_json=as_json))


@endpoint.command()
def remove(name: _Name, tenant: _Tenant = "default", as_json: _Json = False) -> None:
    """Take an endpoint away: messages that name it are refused, and what it is still owed is given up."""
    from penstock_ops.calling.registered import remove

    _run(lambda: remove(name, tenant, as_json=as_json))


@endpoint.command("test")
def try_endpoint(
    name: _Name,
    tenant: _Tenant = "default",
    timeout: Annotated[str, typer.Option(help="How long to wait for its answer.")] = "30s",
    as_json: _Json = False,
) -> None:
    """Send a callback of type `endpoint.test` as the courier sends all of them, and show what came of it.

    Exits with 0 when the endpoint took it, with 1 when it did not.
    """
    from penstock_ops.calling.tried import try_endpoint as tried
    from penstock_ops.terminal.durations import seconds

    _run(lambda: tried(name, tenant, seconds(timeout), as_json=as_json))


@callback.command("list")
def list_callbacks(
    tenant: _Tenant = "default",
    endpoint: _Endpoint = None,
    state: Annotated[
        str | None, typer.Option(help="Only these: waiting, leased, delivered or undeliverable.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many at most.")] = 50,
    as_json: _Json = False,
) -> None:
    """List a tenant's callbacks, the newest first, with what came of each.

    [b]Examples[/b]

      penstock callback list --state undeliverable
    """
    from penstock_ops.calling.owed import listed

    _run(lambda: listed(tenant, endpoint, state, limit, as_json=as_json))


@callback.command()
def replay(
    callback_id: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="As `callback list` has it; repeatable."),
    ] = None,
    tenant: _Tenant = "default",
    endpoint: _Endpoint = None,
    undeliverable: Annotated[
        bool, typer.Option("--undeliverable", help="All that nobody took, instead of IDs.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Send callbacks again from the beginning, under the ids that they had: receivers know them again.

    [b]Examples[/b]

      penstock callback replay 0a1b2c…

      penstock callback replay --endpoint crm --undeliverable
    """
    from penstock_ops.calling.replayed import replay

    _run(lambda: replay(callback_id or [], tenant, endpoint, every=undeliverable, as_json=as_json))


def _run(verb: Callable[[], Coroutine[Any, Any, int]]) -> None:
    raise typer.Exit(asyncio.run(verb()))
