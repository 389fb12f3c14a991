"""A run's budget as it is typed, and against what the run may cost."""

from __future__ import annotations

from penstock.redriving.cost import Estimate
from penstock.runs.message import BUDGET_LIMIT, nano_of
from penstock_ops.terminal.console import dollars, warn
from penstock_ops.terminal.faults import Misuse


def budget_of(usd: float | None) -> int | None:
    """Nano-dollars; None: none was typed. Raises Misuse."""
    if usd is None:
        return None
    try:
        return nano_of(usd)
    except ValueError:
        raise Misuse(f"--budget must be above 0 and at most {BUDGET_LIMIT:,} dollars.") from None


def compare(usd: float | None, cost: Estimate) -> None:
    """Say before anything is paid where the budget is less than the run may cost."""
    most = cost.input_usd + cost.output_usd_at_most
    if usd is None or cost.unknown_price or usd >= most:
        return
    if usd < cost.input_usd:
        warn(f"The questions alone are about {dollars(cost.input_usd)}: the budget does not reach that far.")
    else:
        warn(f"It may cost up to {dollars(most)}: where its budget is exhausted, the run pauses.")
