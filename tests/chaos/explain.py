"""Why a request was called more than once: each surplus call needs a fault of its own.

The promise (docs/design.md §3): calls per request ≤ 1 + the answers that its route's check refused + the
faults between "call sent" and "result saved". Whoever has answered so is asked no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from tests.chaos.faults import Happened
from tests.chaos.provider import Call

#: A live holder outlasts single faults of store and bus; so many on one instance may cost it its lease.
TRANSIENTS_FOR_A_LEASE = 3
#: Before a call's line in the ledger its instance was already at it: a call sent late starts late.
_EARLIER_S = 200.0
#: Steps that begin what is paid.
_CALLS = ("provider.complete", "runner.create", "later.begin")


def unexplained(
    calls: Sequence[Call],
    reopened: Sequence[float],
    happened: Sequence[Happened],
    answered: Mapping[str, float],
) -> Iterator[str]:
    """What cannot be explained of one request's calls; `reopened`: when a redrive began a new life;
    `answered`: when it was first written of a target that its answer was refused."""
    for call in calls:
        written = answered.get(call.target, float("inf"))
        if call.at > written and not _is_late(call, written, happened):
            yield f"#{call.number} by {call.instance} at {call.at:.1f} asked {call.target} after its answer"
    borders = [0.0, *sorted(reopened), float("inf")]
    for start, end in pairwise(borders):
        paid = [call for call in calls if call.paid and start <= call.at < end]
        surplus = len(paid) - 1 - sum(start <= at < end for at in answered.values())
        if surplus <= 0:
            continue
        allowed = _explanations(paid, happened)
        if surplus > allowed:
            ids = ", ".join(f"#{c.number} {c.kind} by {c.instance} at {c.at:.1f}" for c in paid)
            yield f"{len(paid)} paid calls, {allowed} of the surplus explained by faults: {ids}"


def _is_late(call: Call, written: float, happened: Sequence[Happened]) -> bool:
    """Whether its instance stood still between its decision and the call."""
    stood = (fault for fault in happened if fault.instance == call.instance and not fault.transient)
    return any(written - _EARLIER_S <= fault.at <= call.at for fault in stood)


def _explanations(paid: Sequence[Call], happened: Sequence[Happened]) -> int:
    """How many surplus calls the model's own failures and the dealt faults can explain."""
    own = sum(call.kind in ("broken", "hangs", "unreadable") for call in paid)
    instances = {call.instance for call in paid}
    first, last = paid[0].at - _EARLIER_S, paid[-1].at
    near = [fault for fault in happened if fault.instance in instances and first <= fault.at <= last]
    of_the_call = sum(fault.transient and fault.step in _CALLS for fault in near)
    fatal = sum(not fault.transient for fault in near)
    elsewhere = sum(fault.transient and fault.step not in _CALLS for fault in near)
    return own + of_the_call + fatal + elsewhere // TRANSIENTS_FOR_A_LEASE
