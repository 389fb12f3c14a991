"""What one delivery has asked of the budgets, and what it knows of its newest hold before anybody writes
it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.budgets.accounts import touched
from penstock.budgets.held import UNTOLD, with_outcome
from penstock.budgets.pool import Pool, Wish
from penstock.messages.hold import OPEN, PAID, UNPAID, UNSURE, VOID, Hold
from penstock.messages.request import Request
from penstock.money.limits import Limit
from penstock.requests.record import Record

_Outcome = tuple[str, int]


@dataclass(slots=True)
class _Asked:
    """A wish; whether its hold is known to lie in the record; what became of that, and what its allotment is
    charged for it, once it is not the newest any more."""

    wish: Wish
    landed: bool = False
    outcome: _Outcome = (OPEN, 0)
    charge: int | None = None


@dataclass(slots=True)
class Live:
    """`request` is what is asked next, once that is known. `waits`: it was refused, and is put aside for want
    of money. `kept`: the hold of the call that its provider keeps, which an earlier delivery took."""

    request: Request | None = None
    waits: bool = False
    kept: Hold | None = None
    _asked: list[_Asked] = field(default_factory=list)
    _outcome: _Outcome = (OPEN, 0)
    #: What became of `kept`, once a hold was asked for after it.
    _kept: _Outcome = (OPEN, 0)

    def ask(self, pool: Pool, nano: int) -> Wish:
        """A hold from `pool`: a claim that looks again asks for the same as before."""
        if self._asked and not self._asked[-1].landed:
            wish = self._asked[-1].wish
            if wish.pool is pool and wish.hold.nano == nano:
                return wish
        self._close()
        wish = pool.take(nano)
        self._asked.append(_Asked(wish))
        return wish

    def serving(self, record: Record, limits: Sequence[Limit], model: str, nano: int) -> Wish | None:
        """The wish whose hold lies in `record` and serves for a call that begins now; None: there is none.

        It stays on its day, also past midnight. One that does not serve was not called under.
        """
        self._look(record)
        if not self._asked or not self._asked[-1].landed:
            return None
        wish = self._asked[-1].wish
        ours = wish.pool.allotment.touched
        same = ours == touched(limits, ours.day, model) and wish.hold.nano >= nano
        if not same or wish.pool.retired or self._outcome[0] not in (OPEN, UNPAID):
            self.end(UNPAID)
            return None
        self._outcome = (OPEN, 0)
        return wish

    def begin(self, record: Record) -> None:
        """The newest hold is written, and a call under it may begin."""
        self._look(record)
        self._outcome = (OPEN, 0)

    def note(self, outcome: str, cost: int = 0) -> None:
        """What became of the newest hold."""
        self._outcome = (outcome, cost)

    def end(self, outcome: str) -> None:
        """What became of it where nobody has said so."""
        if self._outcome[0] == OPEN:
            self._outcome = (outcome, 0)

    def noted(self, record: Record) -> Record:
        """`record` with what is known of its newest hold, if that is this delivery's: also where another is
        asked for since, and did not come to lie there."""
        self._look(record)
        landed = next((asked for asked in reversed(self._asked) if asked.landed), None)
        if landed is not None:
            hold: Hold | None = landed.wish.hold
            outcome = self._outcome if landed is self._asked[-1] else landed.outcome
        else:
            hold, outcome = self.kept, self._kept if self._asked else self._outcome
        if hold is None or not record.holds or not _is(record.holds[-1], hold):
            return record
        return record if outcome[0] == OPEN else with_outcome(record, *outcome)

    def settle(self, *, durable: bool) -> None:
        """The delivery is over. `durable`: what it knew is written, so what is not needed may be used."""
        self._close()
        for asked in self._asked:
            wish = asked.wish
            if not wish.accepted:
                wish.pool.forget(wish)
            elif durable and asked.landed and asked.charge is not None:
                wish.pool.give(wish.hold.nano - asked.charge, wish)
            else:
                wish.pool.lose(wish)

    def drop(self, *, sure: bool) -> None:
        """There is no lease; `sure`: none of its holds can come to lie anywhere."""
        for asked in self._asked:
            wish = asked.wish
            if not wish.accepted:
                wish.pool.forget(wish)
            elif sure:
                wish.pool.give(wish.hold.nano, wish)
            else:
                wish.pool.lose(wish)

    def _close(self) -> None:
        """The newest wish is not the newest any more."""
        if self._asked and self._asked[-1].charge is None:
            outcome, cost = self._asked[-1].outcome = self._outcome
            nano = self._asked[-1].wish.hold.nano
            self._asked[-1].charge = _charge(outcome, cost, nano)
        elif not self._asked:
            self._kept = self._outcome
        self._outcome = (OPEN, 0)

    def _look(self, record: Record) -> None:
        if self._asked and record.holds and _is(record.holds[-1], self._asked[-1].wish.hold):
            self._asked[-1].landed = True


def _charge(outcome: str, cost: int, nano: int) -> int:
    return {UNPAID: 0, VOID: 0, PAID: cost, UNSURE: nano, UNTOLD: nano, OPEN: nano}[outcome]


def _is(one: Hold, other: Hold) -> bool:
    """Whatever became of them."""
    return (one.allotment, one.nano, one.lease_end) == (other.allotment, other.nano, other.lease_end)
