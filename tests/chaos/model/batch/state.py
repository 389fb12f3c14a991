"""The states of the model of batches: two requests, two batchers, one request_handler, and a provider.

Time is left out: "the lease ran out", "ten minutes passed" and "its time is up" are steps. A wake is "whoever
is idle may take up what is due", which covers wakes that are lost, doubled or late. A look and the
compare-and-set after it are one step: one that loses has no effect. `ghost` fields are nobody's: they count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

#: Members, batchers, and batches that may be there at once.
MEMBERS, BATCHES = (0, 1), (0, 1, 2)
#: What a job may be when it has ended, all its files there.
ENDED = "dxef"
#: Lines that a job's answers hold, and that were paid.
ANSWERS = "od"
_MOST = 3


class Member(NamedTuple):
    """`st`: N new, L leased, P parked, Q queued, S sent, F following, T terminal. `batch`: where it is out.

    `answer`: c completed, 4 refused, d deadline. `orphans`: a bit for each redrive count.
    """

    st: str = "N"
    lives: int = 0
    batch: int = -1
    answer: str = ""
    confirmed: bool = False
    orphans: int = 0
    #: A call at once is in its ledger, and not settled.
    attempt: bool = False
    #: Ghosts: calls that may still be paid (1 + faults - paid), the same as its ledger explains them, and
    #: those of the redrive count before.
    spare: int = 1
    told: int = 1
    spare_before: int = 0


class Job(NamedTuple):
    """`st`: r running, c being called back, w ended without its files, d done, x called back, e expired, f
    failed as a whole. `listed`: 0 not yet, 1 yes, 2 after its batch was collected. `lines`, for each member:
    . not done, o answer, d answer and error, r refused, u unpaid, m paid and missing, l paid and late, x not
    done any more, U used, K kept as an orphan, - not in the file."""

    file: int
    st: str
    listed: int
    known: bool
    lines: tuple[str, str]


class Batch(NamedTuple):
    """`st`: sl sealing, up frozen, cr creating, ip out, co collecting, cl closed."""

    st: str = "sl"
    candidates: int = 0
    manifest: int = 0
    counts: tuple[int, int] = (0, 0)
    file: int = 0
    jobs: tuple[Job, ...] = ()
    #: Creates that were given up and may still land.
    late: tuple[int, ...] = ()
    #: Passes over the files that are done.
    cursor: int = 0
    holder: int = -1
    live: bool = False
    #: Ghost: faults in the window of its creates.
    faults: int = 0
    #: 0 nothing was sent, 1 this file only, 2 an earlier one of unknown outcome too.
    sent: int = 0
    deleted: int = 0


class Worker(NamedTuple):
    """A batcher at work. `at`, `kept`: of the step that `pc` names."""

    pc: str = "-"
    batch: int = 0
    at: int = 0
    kept: int = 0


class Handler(NamedTuple):
    """request_handler with a request. `seen`: it had an orphan when it was claimed; `looks`: it looks."""

    pc: str = "-"
    member: int = 0
    seen: bool = False
    looks: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many faults and events there are at most; `follows`: the second asks the first one's question."""

    crash: int = 0
    zombie: int = 0
    lost: int = 0
    adverse: int = 0
    lag: int = 0
    redrive: int = 0
    pause: int = 0
    esc: int = 0
    overdue: int = 0
    follows: int = 0


class Left(NamedTuple):
    """What is left of the bounds."""

    crash: int
    zombie: int
    lost: int
    adverse: int
    lag: int
    redrive: int
    pause: int
    esc: int
    overdue: int


class State(NamedTuple):
    members: tuple[Member, Member]
    batches: tuple[Batch | None, ...]
    workers: tuple[Worker, Worker]
    handler: Handler
    left: Left
    #: Whose escalate_at, and whose deadline, has come: a bit for each member.
    up: int = 0
    over: int = 0
    paused: bool = False
    #: What the step that led here did wrong.
    wrong: str = ""


Step = tuple[str, State]


def first(bounds: Bounds) -> State:
    left = Left(*(getattr(bounds, name) for name in Left._fields))
    return State((Member(), Member()), (None, None, None), (Worker(), Worker()), Handler(), left)


def put(state: State, i: int, **changes: Any) -> State:
    """The member `i` with `changes`. Whoever leaves the pile is no candidate any more as it was chosen."""
    old, members = state.members[i], list(state.members)
    members[i] = new = old._replace(**changes)
    after = state._replace(members=(members[0], members[1]))
    if old.st == "Q" and new.st != "Q":
        for x, batch in enumerate(after.batches):
            if batch is not None and batch.candidates >> i & 1 and not (new.st == "S" and new.batch == x):
                after = keep(after, x, candidates=batch.candidates & ~(1 << i))
    return after


def keep(state: State, x: int, **changes: Any) -> State:
    batches = list(state.batches)
    batch = batches[x]
    assert batch is not None
    batches[x] = batch._replace(**changes)
    return state._replace(batches=tuple(batches))


def work(state: State, w: int, *now: Any) -> State:
    workers = list(state.workers)
    workers[w] = Worker(*now)
    return state._replace(workers=(workers[0], workers[1]))


def spend(state: State, name: str) -> State:
    return state._replace(left=state.left._replace(**{name: getattr(state.left, name) - 1}))


def wrong(state: State, what: str) -> State:
    return state._replace(wrong=state.wrong or what)


def more(value: int) -> int:
    return min(_MOST, value + 1)


def has(bits: int, i: int) -> bool:
    return bool(bits >> i & 1)


def is_member(state: State, batch: Batch, i: int) -> bool:
    """Whether `batch` has the member `i` as it lives now."""
    return has(batch.manifest, i) and batch.counts[i] == state.members[i].lives


def is_late(state: State, batch: Batch) -> bool:
    """Whether one of its members must be asked at once, or is asked for a later life."""
    who = batch.candidates if batch.st == "sl" else batch.manifest
    sealed = batch.st != "sl"
    return any(
        has(who, i) and (has(state.up, i) or (sealed and batch.counts[i] < state.members[i].lives))
        for i in MEMBERS
    )


def uncollected(state: State, i: int) -> bool:
    """Whether a paid line of `i` is listed at the provider, neither used nor kept."""
    return any(
        job.listed == 1 and job.lines[i] in ANSWERS
        for batch in state.batches
        if batch is not None and is_member(state, batch, i)
        for job in batch.jobs
    )


def excused(state: State, x: int) -> State:
    """Ghost: a fault between a create and its answer: one more call may be paid for each of its members."""
    batch = state.batches[x]
    assert batch is not None
    for i in MEMBERS:
        m = state.members[i]
        if is_member(state, batch, i):
            state = put(state, i, spare=more(m.spare))
        elif has(batch.manifest, i):
            state = put(state, i, spare_before=more(m.spare_before))
    return keep(state, x, faults=batch.faults + 1)


def counted(state: State, x: int) -> State:
    """What the ledgers of its members say of a create of unknown outcome."""
    batch = state.batches[x]
    assert batch is not None
    for i in MEMBERS:
        if is_member(state, batch, i):
            state = put(state, i, told=more(state.members[i].told))
    return state


def paid(state: State, x: int, i: int) -> State:
    """Ghost: a line of the batch `x` is billed."""
    batch, m = state.batches[x], state.members[i]
    assert batch is not None
    if batch.counts[i] == m.lives:
        return put(state, i, spare=m.spare - 1, told=m.told - 1)
    return put(state, i, spare_before=m.spare_before - 1)
