"""`penstock key`: what can be typed, and what it means; the work is in other files."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

_Json = Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")]
_KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id: what stands before the dot.")]

key = typer.Typer(
    help=(
        "Keys for clients that speak OpenAI's API to the front door.\n\n"
        "[b]Examples[/b]\n\n"
        "  penstock key create --tenant acme --scope submit --scope read\n\n"
        "  penstock key rotate acme-1 --grace 1d\n\n"
        "  penstock key list"
    ),
    rich_markup_mode="rich",
    no_args_is_help=True,
)


def add_keys(app: typer.Typer) -> None:
    """Register the verbs with the operator's command."""
    app.add_typer(key, name="key")


@key.command()
def create(
    key_id: Annotated[
        str | None, typer.Argument(metavar="KEY", help="The key's id (default: a random one).")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose requests come with it.")] = "default",
    scope: Annotated[
        list[str] | None, typer.Option(help="submit, read or batch; repeatable (default: all).")
    ] = None,
    route: Annotated[
        list[str] | None, typer.Option(help="A model that it may ask; repeatable (default: all).")
    ] = None,
    longest_wait: Annotated[
        str | None, typer.Option(help="What its requests may wait at most: 90, 10m, 2h, 1d.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="How long it lives, likewise (default: for ever).")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Make a key, and print it: it is shown once, and only its hash is stored."""
    from penstock_ops.keys.verbs import Wanted, create
    from penstock_ops.terminal.durations import seconds

    wanted = Wanted(
        key_id,
        tenant,
        tuple(scope or ()),
        tuple(route or ()),
        seconds(longest_wait) if longest_wait else None,
        seconds(expires) if expires else None,
    )
    raise typer.Exit(asyncio.run(create(wanted, as_json=as_json)))


@key.command()
def rotate(
    key_id: _KeyId,
    grace: Annotated[str, typer.Option(help="How long the secret before still lets in.")] = "1d",
    as_json: _Json = False,
) -> None:
    """Make a new secret under the same id; the one before lives on for a while."""
    from penstock_ops.keys.verbs import rotate
    from penstock_ops.terminal.durations import seconds

    raise typer.Exit(asyncio.run(rotate(key_id, seconds(grace), as_json=as_json)))


@key.command()
def revoke(key_id: _KeyId, as_json: _Json = False) -> None:
    """End a key. Every instance knows within a minute."""
    from penstock_ops.keys.verbs import revoke

    raise typer.Exit(asyncio.run(revoke(key_id, as_json=as_json)))


@key.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None, as_json: _Json = False
) -> None:
    """Show the keys, without their secrets: nobody has them."""
    from penstock_ops.keys.verbs import list_keys

    raise typer.Exit(asyncio.run(list_keys(tenant, as_json=as_json)))
