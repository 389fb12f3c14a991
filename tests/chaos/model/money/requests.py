"""The steps of requests in the budgets' model: claimed, accepted or refused, called, saved, confirmed. A
capital letter in a step's name: a fault."""

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


def requests(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    for which in range(bounds.lines, len(state.requests)):
        yield from _Asker(state, rules, bounds, which).steps()


class _Asker:
    """One request in one state."""

    def __init__(self, state: State, rules: Rules, bounds: Bounds, which: int) -> None:
        self.state, self.rules, self.bounds, self.which = state, rules, bounds, which
        self.request = state.requests[which]

    def steps(self) -> Iterator[Step]:
        match self.request.st:
            case "w" | "o":
                yield from self._claims()
            case "h" | "q":
                yield from self._waits()
            case "a":
                yield from self._accepted()
            case "t":
                yield from self._timed_out()
            case "1" | "2":
                yield from self._saves()
            case "s" if self.rules.confirm_once:
                yield "confirm", let_go(self.state, self.which, "d", self.rules)
            case "s":
                yield "confirm", self._confirmed_in_part()
            case "e":
                yield (
                    "confirm again",
                    let_go(self.state, self.which, "d", self.rules)._replace(
                        told=self.state.told, due=self.state.due
                    ),
                )

    def _claims(self) -> Iterator[Step]:
        for number, instance in enumerate(self.state.instances):
            ours = not self.bounds.own or self.which % self.bounds.instances == number
            if not instance.alive or not ours:
                continue
            claimed = self._held(number)
            yield "claim", claimed
            if self.state.lost < self.bounds.lost:
                gone = claimed.requests[self.which]._replace(st="o", holder=NOWHERE)
                lost = with_request(claimed, self.which, gone)
                yield "LOSE the claim's reply", lost._replace(lost=self.state.lost + 1)

    def _held(self, number: int) -> State:
        """A new hold lies in the record, of `number`'s allotment: accepted, or to be drawn for."""
        instance, state, request = self.state.instances[number], self.state, self.request
        at = number * self.bounds.lives + instance.life
        if request.at not in (NOWHERE, at):
            state = let_go(state, self.which, request.st, self.rules, charges=self.rules.charge_old)
        decided = state.requests[self.which].holds.replace(OPEN, UNSURE)
        hold = LATE if state.allotments[at].over else OPEN
        enough = instance.free >= HOLD
        if enough:
            state = with_instance(state, number, instance._replace(free=instance.free - HOLD))
        held = Request("a" if enough else "h", number, at, decided + hold, state.day)
        return with_request(state, self.which, held)

    def _waits(self) -> Iterator[Step]:
        number, instance = self.request.holder, self.state.instances[self.request.holder]
        if not self.rules.verdict:
            yield "call unheld", self._to("a")
        if instance.free >= HOLD:
            state = with_instance(self.state, number, instance._replace(free=instance.free - HOLD))
            yield "accept", with_request(state, self.which, self.request._replace(st="a"))
        elif self.request.st == "q" and instance.draw is None:
            yield "refuse", self._to("s", UNPAID)

    def _accepted(self) -> Iterator[Step]:
        if self.request.holds[-1] == LATE and self.rules.void:
            yield "find it void", let_go(self.state, self.which, "w", self.rules)
            return
        for cost in (1, HOLD):
            yield "call", self._paid(self._to(str(cost)), cost)
        if self.state.troubles < self.bounds.troubles:
            timed_out = self._paid(self._to("t"), HOLD)
            yield "TIME out", timed_out._replace(troubles=self.state.troubles + 1)
        if self.state.throttles < self.bounds.throttles:
            aside = let_go(self._to("w", UNPAID), self.which, "w", self.rules)
            yield "BE THROTTLED", self._pooled(aside, HOLD)._replace(throttles=self.state.throttles + 1)

    def _timed_out(self) -> Iterator[Step]:
        """Put aside, or asked of another target at once, under a hold of its own."""
        unsure = self._to("t", UNSURE)
        aside = let_go(unsure, self.which, "w", self.rules)
        yield "put aside", aside if self.rules.unsure_out else self._pooled(aside, HOLD)
        again = _Asker(unsure, self.rules, self.bounds, self.which)
        yield "fall back", again._held(self.request.holder) if self.rules.new_hold else self._to("a")

    def _saves(self) -> Iterator[Step]:
        cost = int(self.request.st)
        saved = self._to("s", self.request.st)
        yield "save", self._pooled(saved, HOLD - cost)
        if self.state.lost < self.bounds.lost:
            for name, state in (("reply", saved), ("write", self._gone())):
                back = state if self.rules.keep_lost else self._pooled(state, HOLD)
                yield f"LOSE the save's {name}", back._replace(lost=self.state.lost + 1)

    def _gone(self) -> State:
        return with_request(self.state, self.which, self.request._replace(st="o", holder=NOWHERE))

    def _confirmed_in_part(self) -> State:
        """Charged, and still there to be charged once more."""
        state = let_go(self.state, self.which, "e", self.rules)
        return with_request(state, self.which, self.request._replace(st="e"))

    def _to(self, st: str, outcome: str = "") -> State:
        holds = self.request.holds[:-1] + outcome if outcome else self.request.holds
        return with_request(self.state, self.which, self.request._replace(st=st, holds=holds))

    def _paid(self, state: State, cost: int) -> State:
        days = (self.request.day,) if self.bounds.days else self.bounds.touched(self.request.holder)
        return paid(state, days, cost)

    def _pooled(self, state: State, nano: int) -> State:
        """Into the pool that it was taken from, where that is still the same."""
        number = self.request.holder
        instance = state.instances[number]
        if number * self.bounds.lives + instance.life != self.request.at:
            return state
        return with_instance(state, number, instance._replace(free=instance.free + nano))
