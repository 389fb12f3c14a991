"""What a bill says of the calls that budgets were charged for because they may have been paid."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from penstock.biller import Account, Variant
from penstock.bills.counts import Named, Theirs, difference, models_of
from penstock.bills.ledger import Day
from penstock.bills.report import Report
from penstock.budgets.deciding import Billed, decide
from penstock.budgets.doubts import RELEASED, UPHELD
from penstock.budgets.releasing import release
from penstock.services import Services

#: A day without any figure may be one whose figures are late: so old it is one without calls.
_NEVER_LATER: Final = timedelta(days=7)


async def decided_by(
    s: Services, account: Account, report: Report, days: tuple[Day, Day, Day], theirs: Theirs,
    counts: Mapping[Variant, Named],
) -> Report:  # fmt: skip
    """`report`, and what it says of them done: charges that stay, and charges that come back.

    Nothing is decided where nobody said whose calls are on this bill, or where the bill may not be whole.
    Raises StoreError.
    """
    today = s.clock.now().date()
    if not account.targets or not _is_whole(theirs, report.day, today):
        return report
    billed = _billed(account.targets, days, theirs, counts)
    found = await decide(s, report.day, billed)
    back = [doubt.nano for doubt in found if doubt.outcome == RELEASED]
    if back:
        await release(s, s.timing.hold_min_s)
    kept = sum(doubt.outcome == UPHELD for doubt in found)
    return replace(report, kept=kept, released=len(back), released_nano=sum(back))


def _is_whole(theirs: Theirs, day: date, today: date) -> bool:
    """Whether the day after is known too, where a late call may be, and this day has any figures."""
    return theirs.after is not None and (bool(theirs.day) or today - day >= _NEVER_LATER)


def _billed(
    targets: Iterable[str], days: tuple[Day, Day, Day], theirs: Theirs, counts: Mapping[Variant, Named]
) -> dict[str, Billed]:
    """For each target the calls on the bill that may be its own, and that we were not sure of: those that are
    not in our ledger, and those whose answer came after they were given up. Not for one of whose models the
    bill lacks calls that were answered: it is not whole yet."""
    _, ours, after = days
    models = models_of(*days)
    beyond = {each: one.beyond for each, one in counts.items()}
    unsure = {each: calls + ours.late(each) for each, calls in beyond.items()}
    later = {each: max(0, difference(theirs.after, after, each).calls) for each in theirs.after or {}}
    later = {each: later.get(each, 0) + after.late(each) for each in {*later, *after.bought}}
    found = {}
    for target in targets:
        if min(_of(beyond, models.get(target)), default=0) >= 0:
            found[target] = Billed(*(sum(_of(calls, models.get(target))) for calls in (unsure, later)))
    return found


def _of(calls: Mapping[Variant, int], models: Container[str] | None) -> list[int]:
    """Those of `models`; None: of all."""
    return [count for each, count in calls.items() if models is None or each.model in models]
