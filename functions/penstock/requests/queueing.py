"""Whose turn it is where a lane waits: the request joins a pile, or somebody is asked who answers at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from penstock.requests.record import Record
from penstock.requests.seams import seams_of
from penstock.services import Services
from penstock.targets.routes import Target


def pile_of(s: Services, record: Record, targets: Sequence[Target]) -> str | None:
    """The pile that `record` waits in now; None: it asks at once, since it may not wait, or has waited."""
    until = record.escalate_at
    if not targets or until is None or s.clock.now() >= until:
        return None
    target = targets[min(record.target_index, len(targets) - 1)]
    if not target.waits:
        return None
    return next((name for seam in seams_of(s) if (name := seam.pile_of(s, record, target))), None)


def next_at_once(record: Record, targets: Sequence[Target], now: datetime) -> int:
    """The index of the target whose turn it is where no pile is joined: batches are passed over for good, and
    who keeps a call too, once it may not wait any longer."""
    index = max(0, min(record.target_index, len(targets) - 1))
    until = record.escalate_at
    over = {"batch", "background"} if until is not None and now >= until else {"batch"}
    left = (n for n, target in enumerate(targets) if n >= index and target.lane not in over)
    return next(left, index)
