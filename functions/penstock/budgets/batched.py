"""What budgets are to the members of batches: each has a hold of its own before it is stamped, keeps it while
it is out, and is charged what its line says (docs/money.md).

Nobody is stamped without a hold, and nobody's line goes into a file whose hold came too late: so a create
pays for nothing that no budget counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from penstock.budgets.held import let_go, serves, with_outcome
from penstock.budgets.known import Known
from penstock.budgets.outcomes import outcome_of
from penstock.budgets.pool import Pool
from penstock.budgets.pools import Pools
from penstock.budgets.refused import highest, refused
from penstock.budgets.sending import Sending
from penstock.errors import ProviderFailure
from penstock.messages.completion import Completion
from penstock.messages.hold import OPEN, UNPAID, UNSURE
from penstock.messages.request import Request
from penstock.money.lane import Lane
from penstock.ports import Write
from penstock.requests.incoming import incoming_wake
from penstock.requests.record import PERHAPS_PAID, Record
from penstock.requests.room import wake_of
from penstock.services import Services
from penstock.targets.retry import Fail, Park
from penstock.targets.routes import Target


class Batched:
    """The batches that are sealed by this instance, by their names."""

    def __init__(self, known: Known, pools: Pools) -> None:
        self._known, self._pools = known, pools
        self._sendings: dict[str, Sending] = {}

    async def before_sending(
        self, s: Services, record: Record, target: Target, batch: str
    ) -> Park | Fail | None:
        """None: what its line may cost is set apart. Raises StoreError, BlobError."""
        limits = await self._known.limits_on(s, record, target)
        if not limits:
            return None
        incoming = await incoming_wake(s, wake_of(record), record)
        nano = highest(s, incoming.request, target, Lane.BATCH, limits)
        if isinstance(nano, Fail) or not nano:
            return nano or None
        if batch not in self._sendings:
            self._sendings[batch] = Sending(self._pools, self._known)
        touched = self._pools.touched(s, limits, target)
        refusal = await self._sendings[batch].ask(s, record.path, touched, nano)
        return None if refusal is None else refused(s, refusal, record, self._known.now(s.clock))

    def with_stamp(self, record: Record, batch: str) -> tuple[Record, Sequence[Write]]:
        sending = self._sendings.get(batch)
        return sending.hold(record) if sending is not None else (record, ())

    async def sealed(self, batch: str, stamped: Collection[str] | None) -> None:
        sending = self._sendings.pop(batch, None)
        if sending is not None:
            await sending.over(stamped)

    async def may_be_sent(self, s: Services, record: Record, request: Request, target: Target) -> bool:
        """Whether what it holds serves for the create that follows. Raises StoreError."""
        limits = await self._known.limits_on(s, record, target)
        if not limits:
            return True
        nano = highest(s, request, target, Lane.BATCH, limits)
        return not isinstance(nano, Fail) and (not nano or serves(record, nano))

    def change(self) -> list[Pool]:
        """The limits are others now. The pools from before."""
        return [pool for sending in self._sendings.values() for pool in sending.change()]

    def close(self) -> None:
        for sending in self._sendings.values():
            sending.close()


def after_line(s: Services, record: Record, target: Target, outcome: Completion | ProviderFailure) -> Record:
    """What its own line says of the newest hold."""
    if not record.holds or record.holds[-1].outcome != OPEN:
        return record
    return with_outcome(record, *outcome_of(s, target, Lane.BATCH, outcome))


def given_back(record: Record, outcome: str) -> tuple[Record, Sequence[Write]]:
    """It is out no more, and holds nothing while it waits: `outcome` is what its ledger says of the line."""
    if not record.holds:
        return record, ()
    if record.holds[-1].outcome == OPEN:
        record = with_outcome(record, UNSURE if outcome in PERHAPS_PAID else UNPAID)
    return let_go(record)
