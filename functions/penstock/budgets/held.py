"""What holds a record carries, step by step: pure functions on the request's own document.

All its holds are of one allotment. Whoever goes over to another, or lets go, charges the one before in the
same write, so that nobody can charge it twice, and whoever closes it finds nobody in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from penstock.budgets.doubts import doubted
from penstock.messages.hold import OPEN, PAID, UNSURE, VOID, Hold
from penstock.paths import drawn_path
from penstock.ports import Increment, Merge, ServerTime, Write
from penstock.requests.record import Record

#: The field of a shard of what is spent of an allotment.
DRAWN = "nano"
#: Of a call that was surely made, and of which nobody says what it cost: it counts in full, as an unsure one
#: does, and no bill can say that it was not.
UNTOLD = "untold"


def is_void(record: Record) -> bool:
    """Whether its newest hold was written too late: by the store's clock, at or after the end of its
    lease."""
    if not record.holds or not isinstance(record.held_at, datetime):
        return False
    return record.held_at >= record.holds[-1].lease_end


def serves(record: Record, nano: int) -> bool:
    """Whether its newest hold is of so much at least, came in time, and was not called under."""
    newest = record.holds[-1] if record.holds else None
    return newest is not None and newest.outcome == OPEN and newest.nano >= nano and not is_void(record)


def with_outcome(record: Record, outcome: str, cost: int = 0) -> Record:
    """What became of the newest hold."""
    if not record.holds:
        return record
    newest = replace(record.holds[-1], outcome=outcome, cost=cost)
    if outcome == UNTOLD:
        newest = replace(newest, outcome=UNSURE, target="", at=None)
    return record._replace(holds=(*record.holds[:-1], newest))


def decided(record: Record) -> Record:
    """Nobody will say any more what became of the newest hold: a call may have been made under an open one,
    unless it was void."""
    if not record.holds or record.holds[-1].outcome != OPEN:
        return record
    return with_outcome(record, VOID if is_void(record) else UNSURE)


def charge(record: Record) -> int:
    """What its allotment is to be charged for it now."""
    return sum(hold.charge for hold in decided(record).holds or ())


def with_hold(record: Record, hold: Hold, *, waits: bool = False) -> tuple[Record, list[Write]]:
    """The record with a new hold, for the call of the ledger's newest line, and what its former allotment is
    charged where it is another. `waits`: the call may be made hours later, so that no day's bill can say that
    it was not."""
    writes: list[Write] = []
    if record.holding not in (None, hold.allotment):
        record, writes = let_go(record)
    known = decided(record)
    if known.attempts and not waits:
        hold = replace(hold, target=known.attempts[-1].target, at=known.attempts[-1].at)
    return (
        known._replace(holds=(*(known.holds or ()), hold), holding=hold.allotment, held_at=ServerTime()),
        writes,
    )


def let_go(record: Record) -> tuple[Record, list[Write]]:
    """The record without holds, and what their allotment is charged."""
    spent = charge(record)
    paid = sum(hold.cost for hold in record.holds or () if hold.outcome == PAID)
    free = record._replace(
        holds=None,
        holding=None,
        held_at=None,
        charged=(record.charged or 0) + spent or None,
        charged_paid=(record.charged_paid or 0) + paid or None,
    )
    return free, charged(record)


def charged_together(records: Iterable[Record]) -> list[Write]:
    """What is charged for several that go away: one increment for each place."""
    sums: Counter[str] = Counter()
    writes: list[Write] = []
    for record in records:
        if record.holding is not None and (spent := charge(record)):
            sums[drawn_path(record.holding, record.tenant, record.request_id)] += spent
            writes += doubted(decided(record))
    return [*(Merge(path, {DRAWN: Increment(spent)}) for path, spent in sums.items()), *writes]


def charged(record: Record) -> list[Write]:
    """The increment that charges its allotment, if it holds anything of one that costs, and what of that a
    bill may decide."""
    return charged_together([record])
