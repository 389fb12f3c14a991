"""A day's bill beside our ledger: counted, named, written down, and said aloud where too much has no name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from penstock import log
from penstock.biller import Account, Biller, Charge, Counted, Counts, Variant
from penstock.bills.counts import Named, Theirs, by_variant, named
from penstock.bills.dollars import differences
from penstock.bills.ledger import Day, ledger
from penstock.bills.report import TOLERATED, Line, Report
from penstock.bills.unsure import decided_by
from penstock.errors import BillError
from penstock.money.limits import NANO
from penstock.paths import bill_path
from penstock.ports import Put
from penstock.services import Services

#: A provider's figures come late, and how late is published nowhere: a day is looked at so many days after
#: it, and once more when what was late is there too.
AFTER_DAYS: Final = (2, 7)
_DAY: Final = timedelta(days=1)


async def reconciled(s: Services, account: Account, biller: Biller, day: date) -> Report:
    """The report on `day`, kept. Raises BillError, StoreError."""
    today = s.clock.now().date()
    if day >= today:
        raise BillError(f"{day} is not over yet (in UTC): no bill can be whole before. Take an earlier day.")
    before, ours, after = [await ledger(s, account, day + n * _DAY) for n in (-1, 0, 1)]
    charges = await biller.charges(day)
    counted = await biller.counted(day)
    _check(account, day, ours, counted, charges)
    theirs = await _theirs(s, biller, day, counted, today)
    if not biller.tells_classes:
        before, ours, after = (_without_classes(one) for one in (before, ours, after))
    counts, upheld = named(ours, before, after, theirs)
    report = _report(s, account, day, (ours, counts, upheld), theirs, charges)
    report = await decided_by(s, account, report, (before, ours, after), theirs, counts)
    await s.store.commit([Put(bill_path(report.name), report.encode())], timeout_s=s.timing.commit_s)
    _say(report)
    return report


async def reconcile_due(
    s: Services, accounts: Iterable[Account], biller_of: Callable[[Account], Biller]
) -> tuple[int, int]:
    """The days that are due, of every account: how many were compared, and how many could not be. One that
    fails does not hold up the others; the next day's call looks at other days, `penstock reconcile` at any.

    Raises StoreError.
    """
    done = failed = 0
    today = s.clock.now().date()
    for account in accounts:
        biller = biller_of(account)
        try:
            for ago in AFTER_DAYS:
                try:
                    await reconciled(s, account, biller, today - ago * _DAY)
                    done += 1
                except BillError as error:
                    log.warning("bill.unread", str(error), account=account.name, days_ago=ago)
                    failed += 1
        finally:
            await biller.close()
    return done, failed


def _report(
    s: Services,
    account: Account,
    day: date,
    found: tuple[Day, Mapping[Variant, Named], int],
    theirs: Theirs,
    charges: Sequence[Charge],
) -> Report:
    ours, counts, upheld = found
    return Report(
        day=day,
        account=account.name,
        provider=account.provider,
        at=s.clock.now(),
        lines=[Line(each, ours.counts(each), theirs.day.get(each, Counts())) for each in counts],
        ours_nano=sum(one.nano for one in ours.bought.values()),
        theirs_nano=sum(charge.nano - charge.off for charge in charges),
        differences=differences(s.prices, ours, counts, charges),
        unsure=ours.unsure.total(),
        upheld=upheld,
    )


async def _theirs(s: Services, biller: Biller, day: date, counted: Sequence[Counted], today: date) -> Theirs:
    """Their side, and what tells where its edges are. A day that is not over is not asked for."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    before, first_hour = await asyncio.gather(biller.counted(day - _DAY), biller.counted_in_hour(start))
    after, hour_after = None, None
    if day + _DAY < today:
        after, hour_after = await asyncio.gather(
            biller.counted(day + _DAY), biller.counted_in_hour(start + _DAY)
        )
    summed = [
        None if one is None else by_variant(s.prices, one) for one in (before, after, first_hour, hour_after)
    ]
    return Theirs(by_variant(s.prices, counted), *summed)


def _check(
    account: Account, day: date, ours: Day, counted: Sequence[Counted], charges: Sequence[Charge]
) -> None:
    """Raises BillError where there is nothing to compare with, or who asked cannot be told."""
    keys = sorted({one.key for one in counted if one.key})
    if len(keys) > 1 and not account.key and not account.project:
        shown = ", ".join(keys[:5]) + (", …" if len(keys) > 5 else "")
        raise BillError(
            f"{len(keys)} keys used this account on {day} ({shown}), so it is not ours alone: name this "
            "deployment's own key (--api-key) or project (--project)."
        )
    if ours.calls and not any(one.counts.calls for one in counted):
        raise BillError(
            f"{account.name} has no figures of {day} yet, and our ledger has {ours.calls:,} calls: they come "
            "a day or two later. If the day is older, is the key or project the right one?"
        )
    if counted and not charges:
        raise BillError(f"{account.name} has counted {day}, and not charged for it yet: try again tomorrow.")


def _without_classes(ours: Day) -> Day:
    """Ours, as a provider counts that tells input from output alone, at no tier."""
    collapsed = Day(unsure=ours.unsure, models=ours.models, blended=True)
    for variant, bought in ours.bought.items():
        one = collapsed.bought[Variant(variant.model)]
        counts = bought.counts
        one.counts = one.counts.plus(Counts(counts.calls, counts.input, output=counts.output))
        one.nano += bought.nano
        one.unpriced += bought.unpriced
        one.late += bought.late
    return collapsed


def _say(report: Report) -> None:
    told: dict[str, Any] = {
        "account": report.account,
        "day": str(report.day),
        "ours_usd": report.ours_nano / NANO,
        "billed_usd": report.theirs_nano / NANO,
        "unknown_share": round(report.unknown_share, 6),
    }
    log.event("bill.reconciled", f"{report.account}, {report.day}: compared with its bill.", **told)
    if not report.is_explained:
        log.error("bill.unexplained", f"Over {TOLERATED:.1%} of a day's bill has no explanation.", **told)
