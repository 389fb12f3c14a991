"""What a result tells of the budgets that its calls were under."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from penstock.budgets.held import charge, decided
from penstock.messages.hold import UNSURE
from penstock.money.limits import NANO
from penstock.requests.record import Record


def with_receipt(record: Record) -> Record:
    """`record` with `cost.budget` in its result: what was held for its last call, what all of its calls were
    charged, and what of that is not known to be paid. Nothing, where no budget touched it."""
    result = record.result
    if result is None or (not record.holds and not record.charged):
        return record
    told = result["cost"] | {"budget": _receipt(record)}
    return record._replace(result={**result, "cost": told})


def _receipt(record: Record) -> dict[str, Any]:
    holds = decided(record).holds or ()
    before = record.charged or 0
    unsure = sum(hold.charge for hold in holds if hold.outcome == UNSURE) - (record.charged_paid or 0)
    return {
        "held_usd": _usd(holds[-1].nano) if holds else 0.0,
        "charged_usd": _usd(charge(record) + before),
        "unsure_usd": _usd(unsure + before),
    }


def _usd(nano: int) -> float:
    return float(Decimal(nano) / NANO)
