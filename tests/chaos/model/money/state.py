"""The states of the budgets' model: accounts, instances with their allotments, requests with their holds.

Money is small: a hold is `HOLD`, a call really costs 1 or 2, and a draw takes what is asked for or one more.
A request's holds are all of one allotment, and each is a letter for what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

HOLD = 2
#: An open hold, and one written after the end of its lease; unpaid; nobody knows. A digit is what it cost.
OPEN, LATE, UNPAID, UNSURE = "o", "x", "n", "u"
NOWHERE = -1


class Account(NamedTuple):
    """`paid`: what the provider really bills of its calls."""

    granted: int = 0
    returned: int = 0
    paid: int = 0


class Allotment(NamedTuple):
    """`over`: the end of its lease has passed, by the store's clock. `day`: on which it is counted."""

    granted: int = 0
    returned: int = 0
    drawn: int = 0
    over: bool = False
    closed: bool = False
    day: int = 0


class Draw(NamedTuple):
    """A draw on its way: what had come back to each account when it was sent, and what it left of each
    `granted`, None before it has landed."""

    nano: int
    known: tuple[int, ...]
    left: tuple[int, ...] | None = None


class Instance(NamedTuple):
    """`life`: which of its allotments it draws from; `used`: how many it has begun before."""

    alive: bool = True
    life: int = 0
    free: int = 0
    #: What has come back to each account, as last read; what is to be given back of the last draw.
    known: tuple[int, ...] = ()
    surplus: int = 0
    draw: Draw | None = None
    #: Knows of the lowered limit.
    heard: bool = False
    used: int = 0
    #: What it has of the next day's, and of which allotment; None: nothing.
    ahead: tuple[int, int] | None = None


class Request(NamedTuple):
    """`st`: w waits, h holds and was not drawn for, q was, a is accepted, t timed out, 1 and 2 paid so much
    and not saved, o its holder is gone, s saved, e confirmed and not known to be, d confirmed. One that waits
    for a batch: w in its pile, k asked for, l drawn for, v accepted, m stamped, b out, c in a create of
    unknown outcome, y and z answered at 1 and 2, n not worked off, u without a line. `day`: on which its hold
    was written."""

    st: str = "w"
    holder: int = NOWHERE
    at: int = NOWHERE
    holds: str = ""
    day: int = 0


class Closer(NamedTuple):
    """The sweeper at an allotment: what was left of it, and what is charged to it, None: not added up yet."""

    at: int
    left: int
    drawn: int | None = None


class State(NamedTuple):
    """`late`: draws of the dead that may land yet. `told`: what receipts say; `due`: what they may say at
    most. `cap`: once everybody knows of the lowered limit, what may still be paid."""

    accounts: tuple[Account, ...]
    allotments: tuple[Allotment, ...]
    instances: tuple[Instance, ...]
    requests: tuple[Request, ...]
    late: tuple[tuple[int, int], ...] = ()
    closer: Closer | None = None
    told: int = 0
    due: int = 0
    crashes: int = 0
    troubles: int = 0
    throttles: int = 0
    lost: int = 0
    expiries: int = 0
    lowered: int = 0
    cap: int | None = None
    day: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many there are of each, how many of the requests wait for a batch (`lines`), whether a midnight
    comes (`days`), the budget of the account that everybody shares and, `own`, that of the first instance's
    tenant (0: it has none); at most how many faults."""

    requests: int = 1
    instances: int = 1
    budget: int = 4
    own: int = 0
    crashes: int = 0
    troubles: int = 0
    throttles: int = 0
    lost: int = 0
    expiries: int = 0
    lowered: int = 0
    lines: int = 0
    days: int = 0

    @property
    def lives(self) -> int:
        """Allotments that one instance may come to have: before midnight each may be drawn ahead of once."""
        return (1 + self.crashes + self.expiries + self.lowered) * (1 + self.days) + self.days

    @property
    def limits(self) -> tuple[int, ...]:
        if self.days:
            return (self.budget,) * 2
        return (self.budget, self.own) if self.own else (self.budget,)

    def touched(self, instance: int) -> tuple[int, ...]:
        """The accounts that an instance's calls are counted on."""
        return (0, 1) if self.own and instance == 0 else (0,)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of docs/money.md; the model breaks without any one of them."""

    #: A call waits for the verdict on its hold.
    verdict: bool = True
    #: A draw is judged by what it left itself, not by what was read before it.
    own_result: bool = True
    #: Only what had come back before a draw was sent counts for it.
    known_before: bool = True
    #: What a draw may not keep is not spent.
    within: bool = True
    #: A draw is within the least of all its accounts,
    least: bool = True
    #: and what it may not keep goes back to all of them.
    back_to_all: bool = True
    #: After a lost reply the account is looked at, as it is by then.
    lost_looks: bool = True
    #: A draw does not land in an allotment that is closed.
    draw_cas: bool = True
    #: What is given back is noted at the allotment too.
    back_noted: bool = True
    #: A hold that was written after the end of the lease is void: no call,
    void: bool = True
    #: and who takes over from its holder does not charge it.
    void_free: bool = True
    #: What may have been paid is charged in full,
    unsure_full: bool = True
    #: does not go back into the pool,
    unsure_out: bool = True
    #: and a fallback's call has a hold of its own.
    new_hold: bool = True
    #: What is saved, or is not known to be, may be used again only as far as it is known to be saved.
    keep_lost: bool = True
    #: Who goes over to another allotment charges the one before.
    charge_old: bool = True
    #: A confirmation charges once.
    confirm_once: bool = True
    #: What is free goes with the lease.
    forget_pool: bool = True
    #: An allotment is closed after the end of its lease alone,
    lease: bool = True
    #: when nobody holds any of it,
    unheld: bool = True
    #: which is looked at before its charges are added up,
    held_first: bool = True
    #: less what was charged to it,
    less_drawn: bool = True
    #: unless somebody wrote to it meanwhile,
    close_cas: bool = True
    #: and once.
    close_once: bool = True
    #: Who hears of a lowered limit gives back what was drawn before,
    retire: bool = True
    #: and draws under that limit.
    new_limit: bool = True
    #: Who waits for a batch is stamped once its hold is accepted,
    line_verdict: bool = True
    #: is not sent if that was written too late,
    line_void: bool = True
    #: holds as long as it is out,
    line_held: bool = True
    #: counts in full without a line,
    line_full: bool = True
    #: and is sent again under a hold of its own after a create of unknown outcome.
    line_new_hold: bool = True
    #: No allotment outlives its day.
    day_ends: bool = True
    #: What is drawn of the next day's is not spent before that begins,
    ahead_waits: bool = True
    #: and counts on it.
    ahead_own: bool = True


def charge_of(holds: str, rules: Rules) -> int:
    """What the allotment is charged for holds of which nobody will say more."""
    full = {OPEN: HOLD, UNSURE: HOLD if rules.unsure_full else 0, LATE: 0 if rules.void_free else HOLD}
    return sum(int(hold) if hold.isdigit() else full.get(hold, 0) for hold in holds)


def touched(state: State, bounds: Bounds, at: int) -> tuple[int, ...]:
    """The accounts that an allotment is counted on."""
    return (state.allotments[at].day,) if bounds.days else bounds.touched(at // bounds.lives)


def first(bounds: Bounds) -> State:
    accounts = (Account(),) * len(bounds.limits)
    return State(
        accounts,
        (Allotment(),) * (bounds.instances * bounds.lives),
        (Instance(known=(0,) * len(accounts)),) * bounds.instances,
        (Request(),) * bounds.requests,
    )
