"""The simulated provider's bill of a world, days later, beside what budgets were charged meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from penstock.biller import Account, Biller, Charge, Counted, Counts, Variant
from penstock.bills.report import Report
from penstock.bills.story import reconciled
from penstock.errors import StoreError
from penstock.messages.envelope import Envelope
from penstock.ports import Clock
from penstock.services import Services
from penstock.verdict import Verdict
from tests.chaos.loop import EPOCH
from tests.chaos.money_checker import USED
from tests.chaos.provider import Call
from tests.chaos.world import Shape, World

#: The topic and subscription that wake the reconciler, whom Cloud Scheduler calls elsewhere.
BILLS = "bills"
_MODEL = "sim-model"


class Later:
    """The operator's clock, so many days after the world's."""

    def __init__(self, clock: Clock, days: int) -> None:
        self._clock, self._later = clock, timedelta(days=days)

    def now(self) -> datetime:
        return self._clock.now() + self._later

    def monotonic(self) -> float:
        return self._clock.monotonic()


@dataclass(frozen=True, slots=True)
class SimBill:
    """What the provider bills of its ledger: what is paid, less the calls of `unbilled`, by number. `moved`:
    calls that are billed so many seconds after they began."""

    world: World
    unbilled: Collection[int] = ()
    moved_s: float = 0.0
    tells_classes: bool = True

    async def counted(self, day: date) -> Sequence[Counted]:
        return self._counted([call for call in self._calls() if self._at(call).date() == day])

    async def counted_in_hour(self, start: datetime) -> Sequence[Counted] | None:
        end = start + timedelta(hours=1)
        return self._counted([call for call in self._calls() if start <= self._at(call) < end])

    async def charges(self, day: date) -> Sequence[Charge]:
        return [Charge(_MODEL, "input", 1) for one in await self.counted(day) if one.counts.calls]

    async def close(self) -> None:
        """Nothing is held open."""

    def _calls(self) -> list[Call]:
        return [call for call in self.world.ledger.calls if call.paid and call.number not in self.unbilled]

    def _at(self, call: Call) -> datetime:
        return EPOCH + timedelta(seconds=call.at + self.moved_s)

    def _counted(self, calls: Sequence[Call]) -> list[Counted]:
        each = Counts(1, USED.prompt_tokens, 0, 0, USED.completion_tokens)
        return [Counted(Variant(_MODEL), "", Counts.total([each] * len(calls)))] if calls else []


async def compared(
    world: World, bill: Biller | None = None, day: date | None = None, days_later: int = 8,
    by: Services | None = None,
) -> Report:  # fmt: skip
    """What `penstock reconcile` does for a day of the world, by default that of its beginning."""
    s = replace(by or world.operator, clock=Later(world.operator.clock, days_later))
    account = Account("sim", "openai", targets=frozenset(world.shape.routes.targets))
    return await reconciled(s, account, bill or SimBill(world), day or EPOCH.date())


@dataclass(slots=True)
class Reconciler:
    """The function of that name, woken by a message: it compares every day of its world."""

    world: World | None = None

    async def story(self, s: Services, envelope: Envelope) -> Verdict:
        assert self.world is not None
        try:
            for day in days_of(self.world):
                await compared(self.world, day=day, by=s)
        except StoreError:
            return Verdict.NACK
        return Verdict.ACK

    async def wake(self, rest_s: float) -> None:
        """Have it look, and wait until it has."""
        assert self.world is not None
        await self.world.bus.publish(BILLS, b"look", {}, timeout_s=15)
        await asyncio.sleep(100)
        await self.world.rest(rest_s)


def with_bills(shape: Shape) -> tuple[Shape, Reconciler]:
    """The same deployment with its provider's bills compared; the reconciler is told its world later."""
    made = Reconciler()
    return replace(shape, stories={**shape.stories, BILLS: made.story}), made


def days_of(world: World) -> list[date]:
    """Those on which something may have been asked."""
    days = (world.operator.clock.now().date() - EPOCH.date()).days
    return [EPOCH.date() + timedelta(days=n) for n in range(days + 1)]
