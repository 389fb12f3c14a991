"""`penstock spend`: what the usage documents say was bought, by tenant, target, model, lane or day;
and what the budgets leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from rich.table import Table

from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.paths import USAGE
from penstock.ports import Cursor, Snapshot
from penstock_ops.terminal.console import dollars, print_json, say, stdout
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import System, open_system
from penstock_ops.upkeep.budget_rows import budget_rows, print_budgets

#: Documents of one query.
_BATCH = 300
WAYS = ("day", "tenant", "target", "model", "lane")
#: What is added up, by its name in the document.
_SUMS = (
    "requests", "cache_hit", "cache_coalesced", "cache_similar", "prompt_tokens", "cached_tokens",
    "cache_write_tokens", "completion_tokens", "reasoning_tokens", "cost_nano_usd", "saved_nano_usd",
    "cost_unknown", "perhaps_paid",
)  # fmt: skip
_COLUMNS = (
    "requests",
    "our cache",
    "tokens in",
    "their cache",
    "tokens out",
    "cost",
    "saved",
    "unpriced",
    "perhaps paid",
)
_NANO = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which days, both included and in UTC as a provider's bill has them; whose; and split by what."""

    by: str
    since: date
    until: date
    tenant: str | None = None


def asked(
    by: str, since: str | None, until: str | None, tenant: str | None, today: date | None = None
) -> Asked:
    """What was typed; without days, this month so far. Raises Misuse."""
    today = today or datetime.now(UTC).date()
    last = _day(until, "--until") if until else today
    first = _day(since, "--since") if since else last.replace(day=1)
    if by not in WAYS:
        raise Misuse(f"--by {by!r}: it is one of {', '.join(WAYS)}.")
    if first > last:
        raise Misuse(f"--since {first} lies after --until {last}.")
    if tenant is not None and (fault := id_fault(tenant, TENANT_LIMIT)):
        raise Misuse(f"--tenant {fault}.")
    return Asked(by, first, last, tenant)


def _day(text: str, option: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise Misuse(f"{option} {text!r} is no day: write it as 2026-11-21.") from None


async def spend(wanted: Asked, *, as_json: bool) -> int:
    """Add up and show. Raises OperatorFault when the store does not answer."""
    async with open_system() as system:
        say(f"penstock spend {wanted.since} to {wanted.until} ← {system.name}")
        groups = await _sums(system, wanted)
        budgets = await budget_rows(system, wanted.tenant)
    if as_json:
        _print_json(wanted, groups, budgets)
    else:
        _print(wanted, groups)
        _print_budgets(budgets)
    return 0


async def _sums(system: System, wanted: Asked) -> dict[str, Counter[str]]:
    groups: dict[str, Counter[str]] = {}
    read = 0
    with progress("usage", 0) as advance:
        async for page in _pages(system, wanted):
            for found in page:
                _add(groups, wanted, found)
            read += len(page)
            advance(read, f"{read:,} counters")
    return groups


def _add(groups: dict[str, Counter[str]], wanted: Asked, found: Snapshot) -> None:
    fields = found.fields or {}
    tenant = found.path.split("/")[1]
    if wanted.tenant in (None, tenant):
        name = tenant if wanted.by == "tenant" else str(fields.get(wanted.by, ""))
        sums = groups.setdefault(name, Counter())
        sums.update({each: int(fields.get(each, 0)) for each in _SUMS})


async def _pages(system: System, wanted: Asked) -> AsyncIterator[list[Snapshot]]:
    services = system.services
    low, high = str(wanted.since), str(wanted.until)
    after: Cursor | None = None
    while True:
        page = await services.store.find(
            USAGE, "day", low, high, after=after, limit=_BATCH, timeout_s=services.timing.read_s
        )
        yield page
        if len(page) < _BATCH:
            return
        after = Cursor((page[-1].fields or {})["day"], page[-1].path)


def _ordered(by: str, groups: Mapping[str, Counter[str]]) -> list[tuple[str, Counter[str]]]:
    """Days in their order; everything else by what it cost, the dearest first."""
    named = sorted(groups.items())
    return named if by == "day" else sorted(named, key=lambda each: -each[1]["cost_nano_usd"])


def _total(groups: Mapping[str, Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for sums in groups.values():
        total.update(sums)
    return total


def _usd(nano: int) -> float:
    return float(nano / _NANO)


def _print(wanted: Asked, groups: Mapping[str, Counter[str]]) -> None:
    if not groups:
        stdout().print(f"Nothing was asked from {wanted.since} to {wanted.until}.")
        return
    table = Table(wanted.by, box=None, show_footer=True)
    total = _figures(_total(groups))
    table.columns[0].footer = "total"
    for name, figure in zip(_COLUMNS, total, strict=True):
        table.add_column(name, justify="right", footer=figure)
    for name, sums in _ordered(wanted.by, groups):
        table.add_row(shown(name or "(none named)"), *_figures(sums))
    stdout().print(table)
    _explain(_total(groups))


def _figures(sums: Counter[str]) -> tuple[str, ...]:
    return (
        f"{sums['requests']:,}",
        _per_cent(*_of_ours(sums)),
        f"{sums['prompt_tokens']:,}",
        _per_cent(sums["cached_tokens"], sums["prompt_tokens"]),
        f"{sums['completion_tokens']:,}",
        dollars(_usd(sums["cost_nano_usd"])),
        dollars(_usd(sums["saved_nano_usd"])),
        f"{sums['cost_unknown']:,}",
        f"{sums['perhaps_paid']:,}",
    )


def _of_ours(sums: Counter[str]) -> tuple[int, int]:
    """Results that cost no call of their own, for our cache had the answer, or that of a similar question, or
    a flight brought it; and all of them."""
    return sum(sums[name] for name in ("cache_hit", "cache_coalesced", "cache_similar")), sums["requests"]


def _per_cent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _print_budgets(budgets: Sequence[dict[str, Any]]) -> None:
    if budgets:
        stdout().print()
        print_budgets(budgets)


def _explain(total: Counter[str]) -> None:
    """What the sum of dollars leaves out."""
    if total["cost_unknown"]:
        say("unpriced: results whose cost nobody knows; they are in no figure of dollars.")
    if total["perhaps_paid"]:
        say("perhaps paid: calls that ended without a reply; the provider may bill them all the same.")


def _print_json(wanted: Asked, groups: Mapping[str, Counter[str]], budgets: Sequence[dict[str, Any]]) -> None:
    rows = [{wanted.by: name or None} | _as_json(sums) for name, sums in _ordered(wanted.by, groups)]
    days = {"since": str(wanted.since), "until": str(wanted.until), "tenant": wanted.tenant}
    total = _as_json(_total(groups))
    print_json({**days, "by": wanted.by, "rows": rows, "total": total, "budgets": budgets})


def _as_json(sums: Counter[str]) -> dict[str, Any]:
    exact = {name: sums[name] for name in _SUMS}
    shares = {
        "our_cache_share": _share(*_of_ours(sums)),
        "their_cache_share": _share(sums["cached_tokens"], sums["prompt_tokens"]),
    }
    return (
        exact | shares | {"cost_usd": _usd(sums["cost_nano_usd"]), "saved_usd": _usd(sums["saved_nano_usd"])}
    )
