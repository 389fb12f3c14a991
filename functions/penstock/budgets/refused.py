"""What becomes of a request that no budget lets through: it waits for money, or it fails."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from penstock import log
from penstock.budgets.verdicts import Refusal
from penstock.budgets.worst import Boundless, worst_nano
from penstock.errors import Reason
from penstock.messages.request import Request
from penstock.money.lane import Lane
from penstock.money.limits import Limit, usd
from penstock.requests.record import Record
from penstock.services import Services
from penstock.targets.retry import Fail, Park
from penstock.targets.routes import Target

#: What a request's document says that is put aside for want of money.
WAITS = "budget"


def too_dear(nano: int, limits: Iterable[Limit]) -> str:
    """Why no wait helps a call that may cost `nano` nano-dollars; empty: one may."""
    for limit in limits:
        if nano > (limit.nano or 0):
            return (
                f"This call may cost up to {usd(nano)}, more than {limit} in whole: ask for a smaller "
                "max_tokens, or raise the budget."
            )
    return ""


def highest(s: Services, request: Request, target: Target, lane: Lane, limits: Iterable[Limit]) -> int | Fail:
    """Nano-dollars that a call in `lane` may cost; a failure, where nothing bounds them or no wait helps."""
    try:
        nano = worst_nano(request, target, s.prices, lane)
    except Boundless as error:
        return Fail(Reason.BUDGET_EXHAUSTED, str(error))
    dear = too_dear(nano, limits)
    return Fail(Reason.BUDGET_EXHAUSTED, dear) if dear else nano


def refused(s: Services, refusal: Refusal, record: Record, now: datetime) -> Park | Fail:
    """What is held for calls under way, and what lies in the pools of others, comes back within the life of
    an allotment: so long is waited first, then twice as long each time, and never past the period's end."""
    limit = max(refusal.limits, key=lambda limit: limit.ends(now))
    why = f"Too little is left of {limit}."
    log.warning(
        "budget.exhausted", why, scope=limit.scope, period=limit.period, model=limit.model, **record.ids()
    )
    if any(each.on_exhausted == "fail" for each in refusal.limits):
        return Fail(Reason.BUDGET_EXHAUSTED, why)
    spread = 1 + s.jitter() / 4
    first = s.timing.allotment_s + s.timing.sweep_again_s
    to_the_end = (limit.ends(now) - now).total_seconds() + s.timing.sweep_again_s * s.jitter()
    return Park(min(to_the_end, first * 2 ** min(record.parks, 16) * spread), why, lacks=WAITS)
