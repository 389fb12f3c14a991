"""The steps of requests that wait for a batch, in the budgets' model: asked for, stamped, sent, collected. A
capital letter in a step's name: a fault.

Nobody holds one while it is out, so whoever comes does the next step; all that are stamped go out together.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.money.book import let_go, paid, with_instance, with_request
from tests.chaos.model.money.state import (
    HOLD,
    LATE,
    NOWHERE,
    OPEN,
    UNPAID,
    UNSURE,
    Bounds,
    Request,
    Rules,
    State,
)

Step = tuple[str, State]


def lines(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    for which in range(bounds.lines):
        yield from _Line(state, rules, bounds, which).steps()
    if any(each.st == "m" for each in state.requests) and any(each.alive for each in state.instances):
        yield from _creates(state, rules, bounds)


def _creates(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Whose hold came too late goes back; the others are in the file."""
    sent = []
    for which, each in enumerate(state.requests):
        if each.st == "m" and each.holds[-1] == LATE and rules.line_void:
            state = let_go(state, which, "w", rules)
        elif each.st == "m":
            sent.append(which)
    yield "create", _all_to(state, sent, "b")
    if sent and state.lost < bounds.lost:
        unsure = _all_to(state, sent, "c")._replace(lost=state.lost + 1)
        yield "LOSE the create", unsure
        for which in sent:
            unsure = _paid(unsure, which, bounds, HOLD)
        yield "LOSE the create's reply", unsure


def _all_to(state: State, sent: list[int], st: str) -> State:
    for which in sent:
        state = with_request(state, which, state.requests[which]._replace(st=st))
    return state


def _paid(state: State, which: int, bounds: Bounds, cost: int) -> State:
    request = state.requests[which]
    counted = (request.day,) if bounds.days else bounds.touched(request.at // bounds.lives)
    return paid(state, counted, cost)


class _Line:
    """One request in one state."""

    def __init__(self, state: State, rules: Rules, bounds: Bounds, which: int) -> None:
        self.state, self.rules, self.bounds, self.which = state, rules, bounds, which
        self.request = state.requests[which]

    def steps(self) -> Iterator[Step]:
        match self.request.st:
            case "w":
                for number, instance in enumerate(self.state.instances):
                    if instance.alive:
                        yield "ask", with_request(self.state, self.which, Request("k", number))
            case "k" | "l":
                yield from self._asked()
            case "v":
                yield from self._accepted()
            case "c":
                yield "find nothing", self._back(UNSURE) if self.rules.line_new_hold else self._to("m")
            case "b":
                yield from self._out()
            case "y" | "z":
                yield "collect", self._to("s", "1" if self.request.st == "y" else "2")
            case "n":
                yield "give back", self._back(UNPAID)
            case "u":
                yield "give up its line", self._back(UNSURE if self.rules.line_full else UNPAID)
            case "s":
                yield "confirm", let_go(self.state, self.which, "d", self.rules)

    def _asked(self) -> Iterator[Step]:
        number, instance = self.request.holder, self.state.instances[self.request.holder]
        at = number * self.bounds.lives + instance.life
        if not self.rules.line_verdict:
            yield "stamp unheld", self._stamped(at)
        if instance.free >= HOLD:
            taken = with_instance(self.state, number, instance._replace(free=instance.free - HOLD))
            yield "accept", with_request(taken, self.which, Request("v", number, at))
        elif self.request.st == "l" and instance.draw is None:
            yield "refuse", with_request(self.state, self.which, Request("s"))

    def _accepted(self) -> Iterator[Step]:
        yield "stamp", self._stamped(self.request.at)
        number, instance = self.request.holder, self.state.instances[self.request.holder]
        state = with_request(self.state, self.which, Request())
        if number * self.bounds.lives + instance.life == self.request.at:
            pooled = instance._replace(free=instance.free + HOLD)
            yield "leave it out", with_instance(state, number, pooled)
        if self.state.lost < self.bounds.lost:
            yield "LOSE the stamp", state._replace(lost=state.lost + 1)

    def _stamped(self, at: int) -> State:
        hold = LATE if self.state.allotments[at].over else OPEN
        return with_request(self.state, self.which, Request("m", NOWHERE, at, hold, self.state.day))

    def _out(self) -> Iterator[Step]:
        for st, cost in (("y", 1), ("z", HOLD)):
            yield "work off", self._billed(st, cost)
        if self.state.troubles < self.bounds.troubles:
            yield "LOSE its line", self._billed("u", HOLD)._replace(troubles=self.state.troubles + 1)
        if self.state.throttles < self.bounds.throttles:
            yield "NOT BEGIN", self._to("n")._replace(throttles=self.state.throttles + 1)

    def _billed(self, st: str, cost: int) -> State:
        return _paid(self._to(st), self.which, self.bounds, cost)

    def _back(self, outcome: str) -> State:
        return let_go(self._to(self.request.st, outcome), self.which, "w", self.rules)

    def _to(self, st: str, outcome: str = "") -> State:
        holds = self.request.holds[:-1] + outcome if outcome else self.request.holds
        return with_request(self.state, self.which, self.request._replace(st=st, holds=holds))
