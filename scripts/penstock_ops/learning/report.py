"""`penstock experiment report`: what the arms of an experiment cost, how long they take, how they fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from penstock_ops.learning.figures import MEASURES, Figures, apart
from penstock_ops.learning.intervals import ENOUGH, Difference
from penstock_ops.learning.stored import completed_at, day, ended, from_file, tenant_named
from penstock_ops.terminal.console import dollars, print_json, say, stdout
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import open_system
from penstock_ops.terminal.unreadable import warn_unreadable

Arms = dict[str, Figures]


async def report(
    name: str, tenant: str, since: str | None, file: Path | None, baseline: str | None, *, as_json: bool
) -> int:
    """The exit code. Raises Misuse, and OperatorFault where nothing says that experiment."""
    first = day(since, "--since")
    arms = _of_file(name, file, first) if file else await _of_store(name, tenant_named(tenant), first)
    if not arms:
        raise OperatorFault(
            f"No result says experiment {shown(name)}: see `experiment` in PENSTOCK_ROUTES, or name another "
            "--tenant, an earlier --since."
        )
    base = baseline or max(sorted(arms), key=lambda arm: arms[arm].results)
    if base not in arms:
        raise Misuse(f"--baseline {base!r}: the arms are {', '.join(sorted(arms))}.")
    if as_json:
        print_json(_as_json(name, base, arms))
    else:
        _print(name, base, arms)
    return 0


def _of_file(name: str, file: Path, since: datetime | None) -> Arms:
    arms: Arms = {}
    seen: set[tuple[Any, ...]] = set()
    for result in from_file(file):
        identity = (result["tenant"], result["request_id"], result.get("redrive_count", 0))
        if identity not in seen and (since is None or completed_at(result) >= since):
            _add(arms, name, result)
        seen.add(identity)  # the response topic delivers at least once
    return arms


async def _of_store(name: str, tenant: str, since: datetime | None) -> Arms:
    arms: Arms = {}
    unreadable: list[str] = []
    async with open_system() as system:
        say(f"penstock experiment report {shown(name)} ← {system.name}, tenant {tenant}")
        async for record in ended(system, tenant, since, unreadable):
            _add(arms, name, record.result or {})
    warn_unreadable(unreadable, "they are in no figure.")
    return arms


def _add(arms: Arms, name: str, result: Mapping[str, Any]) -> None:
    if result.get("experiment") == name:
        arms.setdefault(str(result.get("arm")), Figures()).add(result)


def _print(name: str, base: str, arms: Arms) -> None:
    table = Table(title=f"experiment {shown(name)}", box=None)
    heads = ("results", "fell back", "failed", "from cache", "per 1,000", "p50 s", "p95 s", "cached in")
    table.add_column("arm")
    for head in heads:
        table.add_column(head, justify="right")
    for arm, found in sorted(arms.items()):
        table.add_row(shown(arm), *_row(found))
    stdout().print(table)
    for arm, found in sorted(arms.items()):
        if arm != base:
            stdout().print(f"{shown(arm)} less {shown(base)}:")
            for measure, by in apart(arms[base], found).items():
                stdout().print(f"  {MEASURES[measure]}: {_told(by)}")
    if any(found.fell_back for found in arms.values()):
        say("fell back: another target gave the outcome; it is in no other figure.")
    if any(found.unpriced for found in arms.values()):
        say("Results whose cost nobody knows are in no figure of dollars.")


def _row(found: Figures) -> tuple[str, ...]:
    failed, cached = found.mean("failed"), found.cached_share
    return (
        f"{found.results:,}",
        f"{found.fell_back:,}",
        "–" if failed is None else f"{failed:.1%}",
        f"{found.from_cache:,}",
        dollars(found.mean("usd")),
        _seconds(found.seconds(0.5)),
        _seconds(found.seconds(0.95)),
        "–" if cached is None else f"{cached:.1%}",
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _told(by: Difference | None) -> str:
    if by is None:
        return f"not enough data: {ENOUGH} of either arm are needed"
    told = f"{by.by:+.4g} (95 % between {by.low:+.4g} and {by.high:+.4g})"
    return told if by.sure else f"{told}: they cannot be told apart"


def _as_json(name: str, base: str, arms: Arms) -> dict[str, Any]:
    return {
        "experiment": name,
        "baseline": base,
        "arms": {arm: _figures(found) | _apart(arm, base, arms) for arm, found in sorted(arms.items())},
    }


def _apart(arm: str, base: str, arms: Arms) -> dict[str, Any]:
    if arm == base:
        return {}
    found = apart(arms[base], arms[arm])
    return {
        "less_baseline": {measure: by and asdict(by) | {"sure": by.sure} for measure, by in found.items()}
    }


def _figures(found: Figures) -> dict[str, Any]:
    return {
        "results": found.results,
        "fell_back": found.fell_back,
        "completed": found.completed,
        "from_cache": found.from_cache,
        "failed": dict(found.reasons),
        "failed_share": found.mean("failed"),
        "usd_per_1000": found.mean("usd"),
        "unpriced": found.unpriced,
        "seconds_p50": found.seconds(0.5),
        "seconds_p95": found.seconds(0.95),
        "tokens_of_an_answer": found.mean("tokens"),
        "cached_share": found.cached_share,
    }
