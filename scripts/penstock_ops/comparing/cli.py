"""`penstock compare`: what can be typed, and what it means; the work is in other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_compare(app: typer.Typer) -> None:
    """Register the verb with the operator's command."""
    app.command()(compare)


def compare(
    targets: Annotated[
        str, typer.Option(help="Names of targets, with commas between; the first is the baseline.")
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Questions: as `penstock publish` takes them, or .csv with a column prompt."
        ),
    ] = None,
    from_ledger: Annotated[
        int | None, typer.Option(min=1, help="Instead of a file: so many of what the tenant asked.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="A target of another family that says which answer is better.")
    ] = None,
    grade: Annotated[
        str | None, typer.Option(help="A target that grades answers as a cascade's judge: for its at_least.")
    ] = None,
    about: Annotated[str, typer.Option(help="What counts to --grade, as a judge's `about`.")] = "",
    max_wrong: Annotated[
        float, typer.Option(help="Of the answers that stand in a cascade, the share that may be wrong.")
    ] = 0.05,
    routes: Annotated[
        Path | None, typer.Option(help="The deployment's routes (default: PENSTOCK_ROUTES).")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose requests they are, and who pays.")] = "default",
    since: Annotated[str | None, typer.Option(help="Of the ledger only from that day on, UTC.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with charts there.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask all anew, whatever was answered before.")
    ] = False,
    timeout: Annotated[str, typer.Option(help="How long it waits.")] = "1h",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether it may cost that.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")] = False,
) -> None:
    """Ask several targets the same questions: cost, time, failures, quality, with intervals.

    Each question is an ordinary request that is pinned to its target. Asked again, the same command costs
    nothing. A column or field `expected` holds the right answer, where one is known.

    [b]Examples[/b]

      penstock compare questions.csv --targets mini,nano --html report.html

      penstock compare questions.csv --targets mini,nano --grade llama --max-wrong 0.02

      penstock compare --from-ledger 200 --tenant acme --targets mini,nano --judge llama --yes
    """
    from penstock_ops.comparing.compare import Wanted, compare
    from penstock_ops.terminal.durations import seconds

    wanted = Wanted(
        file,
        from_ledger,
        targets,
        judge,
        routes,
        tenant,
        since,
        html,
        fresh,
        yes,
        seconds(timeout),
        grade,
        about,
        max_wrong,
    )
    raise typer.Exit(compare(wanted, as_json=as_json))
