"""Where budgets touch a request's life (requests/seams.py): no call starts without an accepted hold.

The hold lies in the claim's write, or in that of a further line of the ledger; the call waits for its
verdict, which is mostly there already. What it really cost stands in the save, is charged with the
confirmation, and the rest goes back into this instance's pool as soon as the save is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence

from penstock.budgets import batched
from penstock.budgets.allotment import Lapsed
from penstock.budgets.batched import Batched
from penstock.budgets.held import charged, is_void, let_go, with_hold
from penstock.budgets.known import Known
from penstock.budgets.live import Live
from penstock.budgets.outcomes import outcome_of
from penstock.budgets.pool import Pool, Wish
from penstock.budgets.pools import Pools
from penstock.budgets.receipt import with_receipt
from penstock.budgets.refused import WAITS, highest, refused, too_dear
from penstock.budgets.worst import Boundless, worst_nano
from penstock.errors import ProviderFailure
from penstock.leases.holder import Holder
from penstock.messages.completion import Completion
from penstock.messages.hold import UNPAID, UNSURE, VOID
from penstock.messages.request import Request
from penstock.money.limits import Limit
from penstock.ports import Write
from penstock.requests.incoming import Incoming
from penstock.requests.record import Record, State
from penstock.requests.seams import Seam
from penstock.services import Services
from penstock.targets.retry import Fail, Park
from penstock.targets.routes import Target

#: How often a hold that came too late, or whose allotment was closed, is asked for anew in one delivery.
_TRIES = 3


class Budgets(Seam):
    """`settings`: the limits that the deployment's settings name."""

    def __init__(self, settings: Iterable[Limit] = ()) -> None:
        self._known = Known(settings, self._limits_changed)
        self._pools = Pools(self._known)
        #: Of those whose calls their provider keeps for hours: what is left of an old one goes back at once.
        self._kept = Pools(self._known, over=self._retire)
        self._batched = Batched(self._known, self._kept)
        #: Each delivery that has a lease, or asks for one, by its owner.
        self._live: dict[str, Live] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def plan(self, s: Services, incoming: Incoming) -> Incoming:
        self._known.watch(s)
        return incoming

    def with_line(
        self, s: Services, request: Request, record: Record, target: Target
    ) -> tuple[Record, Sequence[Write]]:
        live = self._live.setdefault(record.owner or "", Live(request))
        live.request = request  # a judge is asked another question than the request's own
        record = live.noted(record)
        limits = self._known.touching(record.tenant, target.name, target.priced_as)
        if not limits:
            return record, ()
        try:
            nano = worst_nano(request, target, s.prices, target.asked_in)
        except Boundless:
            return record, ()  # it is refused before the call
        if not nano or too_dear(nano, limits):
            return record, ()
        return with_hold(record, self._wish(s, live, limits, target, nano).hold, waits=target.waits)

    async def touches(self, s: Services, record: Record, target: Target) -> bool:
        return bool(await self._known.limits_on(s, record, target))

    def unclaimed(self, owner: str, *, sure: bool) -> None:
        live = self._live.pop(owner, None)
        if live is not None:
            live.drop(sure=sure)

    async def before_call(self, s: Services, holder: Holder[Record], target: Target) -> Park | Fail | None:
        live, record = self._live[holder.owner], holder.record
        live.waits = False  # somebody else, asked before, may have lacked money
        limits = await self._known.limits_on(s, record, target)
        if not limits:
            return None
        assert live.request is not None  # the ledger's line came before; for mypy
        nano = highest(s, live.request, target, target.asked_in, limits)
        if isinstance(nano, Fail):
            return nano
        return await self._accepted(s, holder, live, limits, target, nano) if nano else None

    def before_batch(self, s: Services) -> None:
        self._known.watch(s)

    async def before_sending(
        self, s: Services, record: Record, target: Target, batch: str
    ) -> Park | Fail | None:
        return await self._batched.before_sending(s, record, target, batch)

    def with_stamp(self, s: Services, record: Record, batch: str) -> tuple[Record, Sequence[Write]]:
        return self._batched.with_stamp(record, batch)

    async def sealed(self, s: Services, batch: str, stamped: Collection[str] | None) -> None:
        await self._batched.sealed(batch, stamped)

    async def may_be_sent(self, s: Services, record: Record, request: Request, target: Target) -> bool:
        return await self._batched.may_be_sent(s, record, request, target)

    def after_line(
        self, s: Services, record: Record, target: Target, outcome: Completion | ProviderFailure
    ) -> Record:
        return batched.after_line(s, record, target, outcome)

    def given_back(self, s: Services, record: Record, outcome: str) -> tuple[Record, Sequence[Write]]:
        return batched.given_back(record, outcome)

    async def after_call(
        self, s: Services, holder: Holder[Record], target: Target, outcome: Completion | ProviderFailure
    ) -> None:
        live, holds = self._live.get(holder.owner), holder.record.holds
        if live is None and holds:  # its provider kept the call, and an earlier delivery took the hold
            live = self._live[holder.owner] = Live(kept=holds[-1])
        if live is not None:
            live.note(*outcome_of(s, target, target.asked_in, outcome))

    def put_aside(
        self, s: Services, holder: Holder[Record], record: Record
    ) -> tuple[Record, Sequence[Write]]:
        live = self._live.get(holder.owner)
        if live is None or not record.holds:
            return self._waiting(live, record), ()
        live.end(UNSURE if holder.calling else UNPAID)
        free, writes = let_go(live.noted(record))
        return self._waiting(live, free), writes

    def at_save(self, s: Services, holder: Holder[Record], record: Record) -> Record:
        live = self._live.get(holder.owner)
        if live is not None:
            live.end(UNSURE if holder.calling else UNPAID)
            record = live.noted(record)
        return with_receipt(record)

    def without_holder(self, s: Services, record: Record) -> Record:
        return with_receipt(record)

    def ended(self, s: Services, holder: Holder[Record]) -> None:
        live = self._live.pop(holder.owner, None)
        if live is not None:
            live.settle(durable=holder.record.state is not State.LEASED)

    def with_confirmation(self, s: Services, record: Record) -> Sequence[Write]:
        return charged(record)

    def at_the_end(self) -> None:
        """What is drawn and not held is given back at once, beside what still runs."""
        self._limits_changed()

    def close(self) -> None:
        for pools in (self._pools, self._kept, self._batched):
            pools.close()
        for task in self._tasks:
            task.cancel()

    async def _accepted(
        self, s: Services, holder: Holder[Record], live: Live, limits: tuple[Limit, ...], target: Target,
        nano: int,
    ) -> Park | Fail | None:  # fmt: skip
        """None: the hold that lies in the record, or a new one written now, is accepted and counts."""
        wish = live.serving(holder.record, limits, target.priced_as, nano)
        for _ in range(_TRIES):
            written = wish is not None
            wish = wish or self._wish(s, live, limits, target, nano)
            try:
                refusal = await wish.verdict
            except Lapsed:
                live.note(UNPAID)
                wish = None
                continue
            if refusal is not None:
                live.waits = True
                return refused(s, refusal, holder.record, self._known.now(s.clock))
            if not written:
                hold = wish.hold
                await holder.write_with(
                    lambda record: with_hold(live.noted(record), hold, waits=target.waits)  # noqa: B023
                )
                live.begin(holder.record)
            if not is_void(holder.record):
                return None
            live.note(VOID)
            wish = None
        return Park(s.timing.park_min_s)

    def _wish(self, s: Services, live: Live, limits: tuple[Limit, ...], target: Target, nano: int) -> Wish:
        """A hold of this delivery; the same, as long as none of its writes can have brought it there."""
        pools = self._kept if target.waits else self._pools
        return live.ask(pools.of(s, pools.touched(s, limits, target)), nano)

    def _waiting(self, live: Live | None, record: Record) -> Record:
        """Put aside for want of money: whoever adds some may wake it before its time."""
        if live is None or not live.waits:
            return record
        return record._replace(lacks=WAITS, not_before=None)

    def _limits_changed(self) -> None:
        """What was drawn under other limits is void: it goes back."""
        for pool in (*self._pools.take_all(), *self._kept.take_all(), *self._batched.change()):
            self._retire(pool)

    def _retire(self, pool: Pool) -> None:
        task = asyncio.get_running_loop().create_task(pool.retire())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
