"""The states of the model of a run's budget and callback: pages of one member, two deliveries, one courier.

Money is small: a page holds `HOLD`, and its member really costs 1 or that. Messages are kept as whether there
is one under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

HOLD = 2
#: Failed attempts after which a callback is given up (the code: ten).
ATTEMPTS = 2
NOT_CLOSED = -1


class Page(NamedTuple):
    """`st`: a absent, o open, e asked about, p its member has ended, c closed. `cost`: what the provider
    bills; `sure`: the answer says so; `charged`: what its close says."""

    st: str = "a"
    cost: int = 0
    sure: bool = True
    charged: int = NOT_CLOSED
    woken: bool = False


class Run(NamedTuple):
    """Its document. `st`: r running, l leased to be ended, d done; `paused`: for want of budget."""

    st: str = "r"
    paused: bool = False
    budget: int = 0
    held: int = 0
    spent: int = 0
    next: int = 0
    open: tuple[int, ...] = ()
    generation: int = 0
    fence: int = 0


class Worker(NamedTuple):
    """A delivery to run_handler: what it has seen of the run, and what its closed pages were charged."""

    pc: str = "idle"
    seen: Run = Run()
    charges: tuple[int, ...] = ()
    #: Pages that are to be put, or taken off the list, in a write of their own (where a rule is off).
    pages: tuple[int, ...] = ()


class Callback(NamedTuple):
    """`st`: - none, w waiting, l leased, d delivered, u undeliverable."""

    st: str = "-"
    tries: int = 0
    woken: bool = False


class Courier(NamedTuple):
    """`of`: the generation whose end it tells; `taken`: the endpoint has said yes."""

    pc: str = "idle"
    of: int = 0
    taken: bool = False


class Heard(NamedTuple):
    """What arrived at the endpoint: the webhook-id, whose end it tells, and whose words."""

    webhook_id: tuple[int, int]
    of: int
    words: int


class State(NamedTuple):
    """`words`: budgets that resumes under way say; `said`: how many were said; `before`: paid in earlier
    generations."""

    run: Run
    pages: tuple[Page, ...]
    callbacks: tuple[Callback, ...]
    woken: bool = True
    workers: tuple[Worker, Worker] = (Worker(), Worker())
    courier: Courier = Courier()
    heard: frozenset[Heard] = frozenset()
    letters: frozenset[int] = frozenset()
    words: frozenset[int] = frozenset()
    said: int = 0
    before: int = 0
    crashes: int = 0
    drops: int = 0
    copies: int = 0
    troubles: int = 0
    refusals: int = 0
    stalls: int = 0

    @property
    def paid(self) -> int:
        return self.before + sum(page.cost for page in self.pages)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many there are of each; `width`: pages open at once; `more`: by how much each resume raises the
    budget; `callback`: 1 where the run has one; at most how many faults."""

    pages: int = 2
    width: int = 1
    budget: int = 4
    more: int = 1
    resumes: int = 0
    callback: int = 0
    redrives: int = 0
    crashes: int = 0
    drops: int = 0
    copies: int = 0
    troubles: int = 0
    refusals: int = 0
    stalls: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of docs/runs.md and docs/callbacks.md; the model breaks without any one of them."""

    #: A page is held for before it is asked about,
    hold_first: bool = True
    #: at the most that it may cost,
    worst: bool = True
    #: beside what is spent,
    count_spent: bool = True
    #: and what other pages hold,
    count_held: bool = True
    #: in the very write that opens it,
    one_write: bool = True
    #: which lands only on the run as it was seen.
    cas: bool = True
    #: A closed page's charge takes the place of its hold,
    settle: bool = True
    #: a call that may have been paid at its most,
    unsure_full: bool = True
    #: and it is off the list of open pages in the same write.
    fold_once: bool = True
    #: The budget is exhausted only when no open page can give anything back,
    idle: bool = True
    #: and then the run says so.
    says: bool = True
    #: A budget is only ever raised,
    only_raised: bool = True
    #: also of a run that has not come to its end,
    raise_running: bool = True
    #: and what was spent stays spent in the next generation.
    keep_spent: bool = True
    #: A run that hears nothing is looked at, and its pages.
    sweep: bool = True
    #: Who was taken over from ends nothing.
    fenced: bool = True
    #: The callback lies in the batch that ends the run.
    with_end: bool = True
    #: Its id is the same in every attempt,
    stable_id: bool = True
    #: and another one for another generation's end,
    id_of_round: bool = True
    #: whose words it keeps.
    own_words: bool = True
    #: It is noted as taken after it was,
    note_after: bool = True
    #: and only by a yes.
    only_yes: bool = True
    #: Who died with it is taken over from,
    take_over: bool = True
    #: for the sweeper wakes it again.
    sweep_calls: bool = True
    #: It is given up with its dead letter out.
    letter_first: bool = True


def canonical(state: State) -> State:
    """Which of two deliveries is which does not matter."""
    first, second = state.workers
    return state if first <= second else state._replace(workers=(second, first))


def first(bounds: Bounds) -> State:
    ends = 1 + bounds.redrives
    return State(Run(budget=bounds.budget), (Page(),) * bounds.pages, (Callback(),) * ends)


def with_page(state: State, at: int, page: Page) -> State:
    return state._replace(pages=(*state.pages[:at], page, *state.pages[at + 1 :]))


def with_worker(state: State, slot: int, worker: Worker) -> State:
    other = state.workers[1 - slot]
    return state._replace(workers=(worker, other) if slot == 0 else (other, worker))


def with_callback(state: State, at: int, callback: Callback) -> State:
    return state._replace(callbacks=(*state.callbacks[:at], callback, *state.callbacks[at + 1 :]))
