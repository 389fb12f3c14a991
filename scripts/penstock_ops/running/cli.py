"""`penstock run` and `penstock runs`: what can be typed, and what it means; the work is in other files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

_Json = Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")]
_Tenant = Annotated[str, typer.Option(help="Whose run it is.")]
_RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]

#: The verb that is meant where a file is named instead of one.
_START = "start"


class _FileFirst(TyperGroup):
    """`run FILE.yaml …` means `run start FILE.yaml …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [_START, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


run = typer.Typer(
    cls=_FileFirst,
    help=(
        "Ask about many items: publish a run, follow it, end it.\n\n"
        "[b]Examples[/b]\n\n"
        "  penstock run classify.yaml --items tickets.jsonl --wait\n\n"
        "  penstock run classify.yaml --items tickets.jsonl --dry-run\n\n"
        "  penstock run show nightly"
    ),
    rich_markup_mode="rich",
    no_args_is_help=True,
)


def add_runs(app: typer.Typer) -> None:
    """Register the verbs with the operator's command."""
    app.add_typer(run, name="run")
    app.command()(runs)


@run.command(_START)
def start(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The pipeline: .yaml, .yml or .json.")],
    items: Annotated[
        Path, typer.Option("--items", "-i", help="The items: .jsonl, .json (a list), .csv, or a text a line.")
    ],
    run_id: Annotated[
        str | None, typer.Option("--id", help="The run's id; asking twice under one is asking once.")
    ] = None,
    tenant: _Tenant = "default",
    max_wait: Annotated[
        str | None, typer.Option(help="No answer is paid after so long: 90, 10m, 2h, 7d.")
    ] = None,
    max_in_flight: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Members under way at once.")
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(help="The price book's entry to estimate with, where PENSTOCK_ROUTES does not say."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="US dollars that it may spend; then it pauses, until it is resumed.")
    ] = None,
    callback: Annotated[
        str | None, typer.Option(metavar="ENDPOINT", help="A registered endpoint that is told of its end.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it, count it, say what it may cost; publish nothing.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow it to its end.")] = False,
    as_json: _Json = False,
) -> None:
    """Publish a run, after saying what it may cost; print its id, or with --wait how it ends.

    Exits with 0 when it was published, or has succeeded; with 1 when it has not.

    [b]Examples[/b]

      penstock run classify.yaml --items tickets.jsonl --dry-run

      penstock run classify.yaml --items tickets.jsonl --id nightly --wait
    """
    from penstock_ops.running.start import Asked, start
    from penstock_ops.terminal.durations import seconds

    longest = seconds(max_wait) if max_wait else None
    asked = Asked(file, items, run_id, tenant, longest, max_in_flight, price, budget, callback)
    _run(lambda: start(asked, dry_run=dry_run, wait=wait, as_json=as_json))


@run.command()
def show(
    run_id: _RunId,
    tenant: _Tenant = "default",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until it ends.")] = False,
    rows: Annotated[
        bool,
        typer.Option("--rows", help="Print the rows of the last step that is over, one JSON object a line."),
    ] = False,
    as_json: _Json = False,
) -> None:
    """Show how far a run has come: its steps, what succeeded, failed and waits, and what it cost.

    Exits with 0 unless it has failed, was cancelled, or is not there.

    [b]Examples[/b]

      penstock run show nightly --follow

      penstock run show nightly --rows > labelled.jsonl
    """
    from penstock_ops.running.show import show

    _run(lambda: show(run_id, tenant, follow=follow, rows=rows, as_json=as_json))


@run.command()
def cancel(run_id: _RunId, tenant: _Tenant = "default", as_json: _Json = False) -> None:
    """End a run: nothing more is asked; calls that are under way end, and are cached."""
    _tell("cancel", run_id, tenant, as_json)


@run.command()
def pause(run_id: _RunId, tenant: _Tenant = "default", as_json: _Json = False) -> None:
    """Emit no more pages of a run until it is resumed; what is under way ends."""
    _tell("pause", run_id, tenant, as_json)


@run.command()
def resume(
    run_id: _RunId,
    tenant: _Tenant = "default",
    budget: Annotated[
        float | None, typer.Option(help="US dollars that it may spend in all, more than before.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Go on with a run that was paused, or raise the budget of one.

    [b]Examples[/b]

      penstock run resume nightly --budget 20
    """
    _tell("resume", run_id, tenant, as_json, budget)


@run.command()
def redrive(run_id: _RunId, tenant: _Tenant = "default", as_json: _Json = False) -> None:
    """Go on with a run that is over, where something failed or was never asked; the rest stays as it is."""
    _tell("redrive", run_id, tenant, as_json)


def runs(
    tenant: _Tenant = "default",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many at most.")] = 50,
    as_json: _Json = False,
) -> None:
    """List a tenant's runs, the newest first.

    [b]Examples[/b]

      penstock runs --tenant acme
    """
    from penstock_ops.running.listed import listed

    _run(lambda: listed(tenant, limit, as_json=as_json))


def _tell(verb: str, run_id: str, tenant: str, as_json: bool, budget: float | None = None) -> None:
    from penstock_ops.running.tell import tell

    _run(lambda: tell(verb, run_id, tenant, as_json=as_json, budget_usd=budget))


def _run(verb: Callable[[], Coroutine[Any, Any, int]]) -> None:
    raise typer.Exit(asyncio.run(verb()))
