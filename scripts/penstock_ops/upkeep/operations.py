"""The verbs for days on which something went wrong, or is to be known: what can be typed, and what it means.

Each verb's work is in the file of its name, imported when the verb is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from penstock_ops.upkeep.budget_verbs import verbs
from penstock_ops.upkeep.tenant_verbs import verbs as tenant_verbs

_Json = Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")]


def add_operations(app: typer.Typer) -> None:
    """Register the verbs with the operator's command."""
    for verb in (redrive, pause, resume, forget, spend, reconcile):
        app.command()(verb)
    app.add_typer(verbs, name="budget")
    app.add_typer(tenant_verbs, name="tenant")


def redrive(
    reason: Annotated[
        list[str] | None,
        typer.Option(
            "--reason",
            "-r",
            help="Only letters with this reason; repeatable. Without it: all but malformed and conflict.",
        ),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    request_id: Annotated[
        list[str] | None, typer.Option("--id", help="Only the request of this id; repeatable.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only letters from then on: an RFC 3339 time, or 2h for two hours ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only letters from before then, likewise.")] = None,
    max_wait: Annotated[
        str | None,
        typer.Option(
            help="How long the request may take from now: 90, 10m, 2h. Default: as long as at first."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done and what it may cost; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before doing it.")] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="Letters a second at most.")] = 20,
    price: Annotated[
        str | None,
        typer.Option(
            help="The price book's entry to estimate with, where PENSTOCK_ROUTES does not say who answers."
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also copies without an id that may have been answered: they may be paid twice."
        ),
    ] = False,
    as_json: _Json = False,
) -> None:
    """Put dead letters back to work: the failed requests are tried once more.

    A request that has an answer is never paid again; one may be redriven three times. Looks first, shows
    what it found, asks. A letter leaves the dead letters when its redrive is published, and not before.
    Exits with 1 when something that was to be done was not.

    [b]Examples[/b]

      penstock redrive --dry-run

      penstock redrive --reason attempts_exhausted --since 2h

      penstock redrive --tenant acme --id order-17 --max-wait 1h --yes
    """
    from penstock_ops.redriving.options import options
    from penstock_ops.redriving.redrive import redrive

    asked = options(
        reasons=reason or [], tenant=tenant, ids=request_id or [], since=since, until=until,
        max_wait=max_wait, rate=rate, price=price, force=force,
    )  # fmt: skip
    _run(lambda: redrive(asked, dry_run=dry_run, yes=yes, as_json=as_json))


def pause(
    reason: Annotated[str | None, typer.Option(help="Why, for whoever finds it paused.")] = None,
    as_json: _Json = False,
) -> None:
    """Start no new model call until `resume`; nothing is lost.

    What arrives is stored and put aside, what is in flight ends, the cache goes on answering.

    [b]Examples[/b]

      penstock pause --reason "the bill is too high"
    """
    from penstock_ops.upkeep.pause import pause

    _run(lambda: pause(reason, as_json=as_json))


def resume(as_json: _Json = False) -> None:
    """End a pause: what was put aside is taken up again within a minute or two.

    [b]Examples[/b]

      penstock resume
    """
    from penstock_ops.upkeep.pause import resume

    _run(lambda: resume(as_json=as_json))


def forget(
    tenant: Annotated[str, typer.Option(help="Whose data to remove.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it; without this it is only counted.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also while requests of the tenant are unfinished.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Remove everything that is stored of a tenant: requests, answers, cache, usage, long texts.

    Without --yes it only counts. Interrupted, it goes on when it is called again. It says what it does not
    reach.

    [b]Examples[/b]

      penstock forget --tenant acme

      penstock forget --tenant acme --yes
    """
    from penstock_ops.upkeep.forget import forget

    _run(lambda: forget(tenant, yes=yes, force=force, as_json=as_json))


def spend(
    by: Annotated[str, typer.Option(help="What to split it by: day, tenant, target, model or lane.")] = "day",
    since: Annotated[
        str | None, typer.Option(help="The first day, such as 2026-11-01 (default: the month's first).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The last day, included (default: today).")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: _Json = False,
) -> None:
    """Show what was spent: tokens, dollars, what the cache saved, and what the budgets leave.

    From the ledger of confirmed results. Days are UTC, and those of the calls, as a provider's bill has them.

    [b]Examples[/b]

      penstock spend

      penstock spend --by model --since 2026-11-01 --until 2026-11-30

      penstock spend --by tenant --json | jq '.rows[] | select(.cost_usd > 10)'
    """
    from penstock_ops.upkeep.spend import asked, spend

    wanted = asked(by, since, until, tenant)
    _run(lambda: spend(wanted, as_json=as_json))


def reconcile(
    day: Annotated[str, typer.Option(help="Which day, in UTC, such as 2026-11-21; two days ago or earlier.")],
    provider: Annotated[str, typer.Option(help="Whose bill: openai, anthropic or openrouter.")] = "openai",
    api_key: Annotated[
        str | None,
        typer.Option(help="Only calls with this key, by the provider's id of it (key_…), not itself."),
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="Only calls of this project or workspace, by its id.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="Only our calls to this target; repeatable. Default: those that the routes name."),
    ] = None,
    secret: Annotated[
        str | None, typer.Option(help="The secret with the key that reads bills: projects/P/secrets/S.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Of another server that speaks the provider's API; the key goes there.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Compare a day's bill with the ledger, and say what each difference is.

    Reads the provider's own figures with a key that may see them: OPENAI_ADMIN_KEY, ANTHROPIC_ADMIN_KEY,
    OPENROUTER_MANAGEMENT_KEY, or --secret. Exits with 1 when over 0.5 % of the bill has no explanation.

    [b]Examples[/b]

      penstock reconcile --day 2026-11-21

      penstock reconcile --day 2026-11-21 --provider anthropic --api-key apikey_01… --json
    """
    from penstock_ops.upkeep.reconcile import asked
    from penstock_ops.upkeep.reconcile import reconcile as work

    wanted = asked(day, provider, secret, project, api_key, target or [], address)
    _run(lambda: work(wanted, as_json=as_json))


def _run(verb: Callable[[], Coroutine[Any, Any, int]]) -> None:
    raise typer.Exit(asyncio.run(verb()))
