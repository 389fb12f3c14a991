"""`penstock reconcile`: a day's bill of a provider beside our ledger, and what each difference is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from rich.table import Table

from penstock.adapters.bills.chosen import biller_of
from penstock.adapters.providers.key import Key
from penstock.adapters.providers.keys import PlainKey, SecretManagerKey
from penstock.biller import Account, Counts
from penstock.bills.accounts import targets_at
from penstock.bills.dollars import told
from penstock.bills.report import TOLERATED, Report
from penstock.bills.story import reconciled
from penstock.errors import BillError, SecretError
from penstock.money.limits import NANO
from penstock.settings import read_settings
from penstock.targets.address import address_fault
from penstock.variables import OFF
from penstock.written import BILLERS, key_fault
from penstock_ops.terminal.console import dollars, print_json, say, stdout
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import open_system

#: Where a key is looked for, and what such a key is called there.
_KEYS = {
    "openai": ("OPENAI_ADMIN_KEY", "an admin key of the organization"),
    "anthropic": ("ANTHROPIC_ADMIN_KEY", "an admin key of the organization"),
    "openrouter": ("OPENROUTER_MANAGEMENT_KEY", "a management key"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, checked."""

    day: date
    account: Account
    key: Key
    address: str | None = None


def asked(
    day: str, provider: str, secret: str | None, project: str | None, api_key: str | None,
    targets: Sequence[str], address: str | None, env: Mapping[str, str] = os.environ,
) -> Asked:  # fmt: skip
    """Raises Misuse."""
    if provider not in BILLERS:
        raise Misuse(f"--provider {provider!r}: it is one of {', '.join(BILLERS)}.")
    if address is not None and (fault := address_fault(address)):
        raise Misuse(f"--address {fault}")
    if project and provider == "openrouter":
        raise Misuse("--project: OpenRouter's figures know keys and no projects; name --api-key, its hash.")
    account = Account(
        provider, provider, secret or "", project or "", api_key or "",
        frozenset(targets) or _targets(provider, env),
    )  # fmt: skip
    return Asked(_day(day), account, _key(provider, secret, env), address)


def _day(text: str) -> date:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise Misuse(f"--day {text!r} is no day: write it as 2026-11-21.") from None
    today = datetime.now(UTC).date()
    if day > today:
        raise Misuse(f"--day {day} lies in the future; today is {today} (UTC).")
    if day == today:
        raise Misuse(f"--day {day} is not over yet (in UTC), so its bill is not whole: take an earlier day.")
    return day


def _key(provider: str, secret: str | None, env: Mapping[str, str]) -> Key:
    """Never from the command line, where others see it."""
    if secret is not None:
        try:
            return SecretManagerKey(secret)
        except SecretError as error:
            raise Misuse(f"--secret: {error}.") from None
    name, meaning = _KEYS[provider]
    if not env.get(name):
        raise Misuse(
            f"there is no key for the figures of {provider}: set {name} to {meaning}, or name a secret that "
            "holds it, --secret projects/P/secrets/S."
        )
    if fault := key_fault(env[name]):
        raise Misuse(f"{name} {fault}")
    return PlainKey(env[name])


def _targets(provider: str, env: Mapping[str, str]) -> frozenset[str]:
    """Who asks that provider by this environment's routes; all of the ledger's, where it has none."""
    if not env.get("PENSTOCK_ROUTES"):
        return frozenset()
    routes = read_settings({**env, "PENSTOCK_BUDGETS": OFF}).routes
    return targets_at(provider, routes.targets.values())


async def reconcile(wanted: Asked, *, as_json: bool) -> int:
    """Compare and show; 1 where more has no explanation than may. Raises OperatorFault."""
    async with open_system() as system:
        say(f"penstock reconcile {wanted.day} of {wanted.account.provider} ← {system.name}")
        biller = biller_of(wanted.account, wanted.key, wanted.address)
        try:
            report = await reconciled(system.services, wanted.account, biller, wanted.day)
        except BillError as error:
            raise OperatorFault(str(error)) from None
        finally:
            await biller.close()
    if as_json:
        print_json(as_data(report))
    else:
        _print(report, wanted.account)
    return 0 if report.is_explained else 1


def as_data(report: Report) -> dict[str, Any]:
    """For a program."""
    data = report.encode()
    usd = {f"{name}_usd": data[f"{name}_nano_usd"] / NANO for name in ("ours", "billed", "unknown")}
    return data | usd | {"at": report.at.isoformat(), "explained": report.is_explained}


def _print(report: Report, account: Account) -> None:
    if not report.lines and not report.theirs_nano:
        stdout().print(f"Nothing was asked and nothing billed on {report.day}.")
        return
    stdout().print(_counts(report))
    stdout().print(_money(report))
    if report.unsure:
        stdout().print(
            f"Of {report.unsure:,} calls that may have been paid, {report.upheld:,} are on the bill.",
            soft_wrap=True,
        )
    if (decided := _decided(report, account)) is not None:
        stdout().print(decided, soft_wrap=True)
    if not report.is_explained:
        share = f"{report.unknown_share:.2%} of the bill has no explanation; up to {TOLERATED:.1%} may."
        stdout().print(f"[red]{share}[/red]", soft_wrap=True)


def _decided(report: Report, account: Account) -> str | None:
    """What became of what budgets were charged for them."""
    if report.kept or report.released:
        return (
            f"Budgets were charged for {report.kept + report.released:,} of them: {report.kept:,} stay, and "
            f"{report.released:,} came back, {dollars(report.released_nano / NANO)}."
        )
    if report.unsure > report.upheld and not account.targets:
        return (
            "Whose calls are on this bill nobody said, so what budgets were charged for the others stays "
            "charged: name the targets, --target."
        )
    return None


def _counts(report: Report) -> Table:
    table = Table("model", box=None)
    for name in ("calls", "billed", "tokens in", "billed", "tokens out", "billed"):
        table.add_column(name, justify="right")
    for line in report.lines:
        figures = [
            f"{n:,}" for pair in zip(_three(line.ours), _three(line.theirs), strict=True) for n in pair
        ]
        table.add_row(shown(told(line.variant)), *figures)
    return table


def _three(counts: Counts) -> tuple[int, int, int]:
    return counts.calls, counts.input, counts.output


def _money(report: Report) -> Table:
    table = Table("", box=None)
    table.add_column("USD", justify="right")
    table.add_column("about")
    table.add_row("our ledger", dollars(report.ours_nano / NANO), "")
    for one in report.differences:
        table.add_row(f"+ {one.cause}", dollars(one.nano / NANO), shown(one.said))
    table.add_row("the bill", dollars(report.theirs_nano / NANO), "")
    return table
