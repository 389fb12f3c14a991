"""Deliveries to run_handler that advance the run: read, fold what has closed, hold, open, end."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.runs.state import (
    HOLD,
    Bounds,
    Callback,
    Page,
    Rules,
    Run,
    State,
    Worker,
    with_callback,
    with_page,
    with_worker,
)

Step = tuple[str, State]


def advancing(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    for slot, worker in enumerate(state.workers):
        delivery = _Delivery(state, rules, bounds, slot, worker)
        yield from delivery.taken() if worker.pc == "idle" else delivery.working()


class _Delivery:
    """One delivery in one state."""

    def __init__(self, state: State, rules: Rules, bounds: Bounds, slot: int, worker: Worker) -> None:
        self.state, self.rules, self.bounds, self.slot, self.worker = state, rules, bounds, slot, worker

    def taken(self) -> Iterator[Step]:
        if not self.state.woken:
            return
        left, run = self.state._replace(woken=False), self.state.run
        if run.st == "r":
            yield "takes the run's wake", self._asked_early(self._reads(left))
        elif run.st == "l":
            yield from self._takes_over(left)
        else:
            yield "finds it done", left

    def _reads(self, state: State) -> State:
        charges = tuple(page.charged for page in state.pages)
        return with_worker(state, self.slot, Worker("saw", state.run, charges))

    def _asked_early(self, state: State) -> State:
        """Without the rule, pages are asked about before anything is held for them."""
        if self.rules.hold_first:
            return state
        worker = state.workers[self.slot]
        for number in _step(worker.seen, worker.charges, self.rules, self.bounds)[1]:
            if state.pages[number].st == "a":
                state = with_page(state, number, Page("e"))
        return state

    def _takes_over(self, left: State) -> Iterator[Step]:
        """Its holder is dead, or stands still for longer than its lease."""
        lives = any(worker.pc == "end" for worker in self.state.workers)
        run = left.run._replace(fence=left.run.fence + 1)
        over = with_worker(left._replace(run=run), self.slot, Worker("end", run))
        if not lives:
            yield "takes over", over
        elif self.state.stalls < self.bounds.stalls:
            yield "takes over from one that STALLS", over._replace(stalls=self.state.stalls + 1)
        else:
            yield "finds it held", left

    def working(self) -> Iterator[Step]:
        if self._may_die():
            yield "DIES", self._dead(self._idle(self.state))
        match self.worker.pc:
            case "saw":
                yield from self._writes()
            case "put":
                yield "puts its pages", self._idle(self._put(self.state, self.worker.pages, wake=True))
            case "trim":
                yield "takes them off the list", self._idle(self._trimmed())
            case "end":
                yield from self._ends()
            case "owe":
                yield "owes a callback", self._idle(self._owed(self.state, wake=True))

    def _writes(self) -> Iterator[Step]:
        if self.rules.cas and self.state.run != self.worker.seen:
            goes_on = self.state.run.st == "r"
            yield "comes second", self._reads(self.state) if goes_on else self._idle(self.state)
            return
        run, opened = _step(self.worker.seen, self.worker.charges, self.rules, self.bounds)
        if run == self.worker.seen:
            yield "finds nothing new", self._idle(self.state)
            return
        written = self.state._replace(run=run)
        yield "writes", self._after(written, run, opened)
        if self._may_die():
            lost = self._put(written, opened, wake=False) if self.rules.one_write else written
            yield "writes and DIES", self._dead(self._idle(lost))

    def _after(self, written: State, run: Run, opened: tuple[int, ...]) -> State:
        if not self.rules.fold_once and (folded := _closed(self.worker.seen, self.worker.charges)):
            return with_worker(written, self.slot, Worker("trim", pages=folded))
        if run.st == "l":
            return with_worker(written, self.slot, Worker("end", run))
        if not self.rules.one_write and opened:
            return with_worker(written, self.slot, Worker("put", pages=opened))
        return self._idle(self._put(written, opened, wake=True))

    def _put(self, state: State, numbers: tuple[int, ...], *, wake: bool) -> State:
        for number in numbers:
            old = state.pages[number]
            asked = "e" if old.st == "e" else "o"
            state = with_page(state, number, Page(asked, old.cost, old.sure, woken=wake))
        return state

    def _trimmed(self) -> State:
        run = self.state.run
        still = tuple(number for number in run.open if number not in self.worker.pages)
        return self.state._replace(run=run._replace(open=still), woken=True)

    def _ends(self) -> Iterator[Step]:
        if self.rules.fenced and self.state.run != self.worker.seen:
            yield "is fenced out", self._idle(self.state)
            return
        over = self.state._replace(run=self.worker.seen._replace(st="d"))
        if not self.bounds.callback:
            yield "ends", self._idle(over)
        elif self.rules.with_end:
            yield "ends", self._idle(self._owed(over, wake=True))
            if self._may_die():
                yield "ends and DIES", self._dead(self._idle(self._owed(over, wake=False)))
        else:
            yield "ends", with_worker(over, self.slot, Worker("owe", over.run))

    def _owed(self, state: State, *, wake: bool) -> State:
        return with_callback(state, self.worker.seen.generation, Callback("w", woken=wake))

    def _may_die(self) -> bool:
        return self.state.crashes < self.bounds.crashes

    def _dead(self, state: State) -> State:
        return state._replace(crashes=state.crashes + 1)

    def _idle(self, state: State) -> State:
        return with_worker(state, self.slot, Worker())


def _closed(run: Run, charges: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(number for number in run.open if charges[number] >= 0)


def hold_of(rules: Rules) -> int:
    return HOLD if rules.worst else 1


def _step(run: Run, charges: tuple[int, ...], rules: Rules, bounds: Bounds) -> tuple[Run, tuple[int, ...]]:
    """What an advance makes of the run that it has seen, and the pages that it opens."""
    run = _folded(run, charges, rules)
    if not rules.fold_once and _closed(run, charges):
        return run, ()
    if run.next == bounds.pages and not run.open:
        return run._replace(st="l", fence=run.fence + 1), ()
    return (run, ()) if run.paused else _opened(run, rules, bounds)


def _folded(run: Run, charges: tuple[int, ...], rules: Rules) -> Run:
    closed = _closed(run, charges)
    back = hold_of(rules) * len(closed) if rules.settle else 0
    counted = run._replace(held=run.held - back, spent=run.spent + sum(charges[n] for n in closed))
    if not rules.fold_once:
        return counted
    return counted._replace(open=tuple(number for number in run.open if number not in closed))


def _opened(run: Run, rules: Rules, bounds: Bounds) -> tuple[Run, tuple[int, ...]]:
    opened: tuple[int, ...] = ()
    lacks = False
    while run.next < bounds.pages and len(run.open) < bounds.width:
        if lacks := not fits(run, rules):
            break
        opened += (run.next,)
        run = run._replace(held=run.held + hold_of(rules), open=(*run.open, run.next), next=run.next + 1)
    if lacks and rules.says and not (run.open and rules.idle):
        run = run._replace(paused=True)
    return run, opened


def fits(run: Run, rules: Rules) -> bool:
    """Whether the budget holds one page more."""
    counted = (run.spent if rules.count_spent else 0) + (run.held if rules.count_held else 0)
    return counted + hold_of(rules) <= run.budget
