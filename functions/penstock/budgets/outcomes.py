"""What became of a call, as far as money goes: how much a budget is charged for it."""

from __future__ import annotations

from penstock.budgets.held import UNTOLD
from penstock.budgets.worst import paid_nano
from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.messages.completion import Completion, Withheld
from penstock.messages.hold import PAID, UNPAID, UNSURE
from penstock.money.lane import Lane
from penstock.services import Services
from penstock.targets.routes import Target

#: What a hold came to, and nano-dollars where it was paid.
Became = tuple[str, int]


def outcome_of(s: Services, target: Target, lane: Lane, outcome: Completion | ProviderFailure) -> Became:
    """What a call in `lane` means for its hold. What came without a usage that its provider vouches for
    counts in full."""
    answer = outcome.completion if isinstance(outcome, Withheld) else outcome
    if isinstance(answer, Completion):
        cost = paid_nano(target.priced_as, answer.usage, s.prices, lane)
        return (UNTOLD, 0) if cost is None else (PAID, cost)
    if answer.kind is FailureClass.AMBIGUOUS:
        return UNSURE, 0
    if answer.reason is Reason.CONTENT_REFUSED:
        return UNTOLD, 0
    return UNPAID, 0
