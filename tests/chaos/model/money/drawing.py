"""An instance's own steps in the budgets' model: it draws, gives back, begins anew, dies. A capital letter in
a step's name: a fault, or the operator."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.money.book import (
    granted,
    let_go,
    returned,
    with_allotment,
    with_document,
    with_instance,
    with_request,
)
from tests.chaos.model.money.state import (
    HOLD,
    NOWHERE,
    UNPAID,
    Allotment,
    Bounds,
    Draw,
    Instance,
    Request,
    Rules,
    State,
)
from tests.chaos.model.money.state import touched as touched_by

Step = tuple[str, State]
#: By how much the operator lowers the limit that everybody shares.
_LOWER = 2


def drawing(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    for number in range(len(state.instances)):
        yield from _Drawer(state, rules, bounds, number).steps()
    for late in set(state.late):
        yield from _late(state, rules, bounds, late)
    if state.lowered < bounds.lowered:
        yield "LOWER the limit", state._replace(lowered=state.lowered + 1)


def _late(state: State, rules: Rules, bounds: Bounds, late: tuple[int, int]) -> Iterator[Step]:
    """The draw of an instance that is dead lands after all, or never."""
    at, nano = late
    rest = list(state.late)
    rest.remove(late)
    state = state._replace(late=tuple(rest))
    yield "never land", state
    allotment = state.allotments[at]
    if not (allotment.closed and rules.draw_cas):
        landed = allotment._replace(granted=allotment.granted + nano)
        state = granted(state, touched_by(state, bounds, at), nano)
        yield "land late", with_document(state, at, landed, rules)


class _Drawer:
    """One instance in one state."""

    def __init__(self, state: State, rules: Rules, bounds: Bounds, number: int) -> None:
        self.state, self.rules, self.bounds, self.number = state, rules, bounds, number
        self.instance = state.instances[number]
        self.at = number * bounds.lives + self.instance.life
        self.allotment = state.allotments[self.at]
        self.touched = touched_by(state, bounds, self.at)
        self.read = tuple(each.returned for each in state.accounts)

    def steps(self) -> Iterator[Step]:
        instance = self.instance
        if not instance.alive:
            life = instance.used + 1
            started = Instance(life=life, known=self.read, heard=self._lower, used=life)
            yield "start", self._of_today(self._become(started), life)
            return
        if instance.draw is None:
            yield from self._between_draws()
        else:
            yield from self._of_draw(instance.draw)
        if self.state.crashes < self.bounds.crashes:
            yield "CRASH", self._crashed()

    def _between_draws(self) -> Iterator[Step]:
        instance = self.instance
        if instance.surplus:
            yield "give back", self._given_back()
            return
        waiting = self._of("hk")
        lacking = HOLD * len(waiting) - instance.free
        if lacking > 0:
            for nano in (lacking, lacking + 1):
                yield "draw", self._sent(nano)
        if self._of("ql") and instance.known != self.read:
            yield "look again", self._asked("ql", "hk", instance._replace(known=self.read))
        if not self._of("hqkl") and any(each.st in "wo" for each in self.state.requests):
            yield from self._anew()

    def _anew(self) -> Iterator[Step]:
        """Its allotment is over, or drawn under a limit that is not any more; or the next day is near."""
        instance, early = self.instance, not self.rules.ahead_waits
        if self.allotment.over or (early and instance.ahead is not None):
            yield "begin anew", self._begun_anew()
        elif self._lower and not instance.heard:
            yield "hear of it", self._heard_of_it()
        elif self.state.day == self.allotment.day < self.bounds.days and instance.ahead is None:
            yield "draw ahead", self._drawn_ahead()

    def _begun_anew(self) -> State:
        instance = self.instance
        if instance.ahead is not None:
            free, life = instance.ahead
            return self._become(instance._replace(life=life, free=free, ahead=None))
        free, life = 0 if self.rules.forget_pool else instance.free, instance.used + 1
        return self._of_today(self._become(instance._replace(life=life, free=free, used=life)), life)

    def _of_today(self, state: State, life: int) -> State:
        """An allotment that begins now counts on this day."""
        at = self.number * self.bounds.lives + life
        if not self.bounds.days:
            return state
        return with_allotment(state, at, state.allotments[at]._replace(day=state.day, over=False))

    def _drawn_ahead(self) -> State:
        """A hold's worth for tomorrow, in one step; what its account has no room for goes back."""
        day = 1 if self.rules.ahead_own else 0
        state = granted(self.state, (day,), HOLD)
        account = state.accounts[day]
        kept = HOLD if account.granted - account.returned <= self.bounds.budget else 0
        state = returned(state, (day,), HOLD - kept)
        drawn = Allotment(granted=HOLD, returned=HOLD - kept, day=1)
        life = self.instance.used + 1
        state = with_allotment(state, self.number * self.bounds.lives + life, drawn)
        ahead = self.instance._replace(ahead=(kept, life), used=life)
        return with_instance(state, self.number, ahead)

    @property
    def _lower(self) -> bool:
        return self.state.lowered > 0

    def _heard_of_it(self) -> State:
        heard, state = self.instance._replace(heard=True), self.state
        if self.rules.retire:
            state = self._back(self.instance.free)
            heard = heard._replace(life=heard.used + 1, free=0, used=heard.used + 1)
        state = with_instance(state, self.number, heard)
        if not all(each.heard or not each.alive for each in state.instances):
            return state
        for which in self._of("v") if self.rules.retire else ():
            state = with_request(state, which, Request("k", self.number))
        held = HOLD * sum(request.st in "avmbc" for request in state.requests)
        return state._replace(cap=max(self.bounds.budget - _LOWER, state.accounts[0].paid + held))

    def _of_draw(self, draw: Draw) -> Iterator[Step]:
        if draw.left is None:
            yield "land", self._landed(draw)
            return
        yield "hear", self._heard(draw, draw.left)
        if self.instance.known != self.read:
            yield "read", self._become(self.instance._replace(known=self.read))
        if self.state.lost < self.bounds.lost:
            looked = tuple(each.granted for each in self.state.accounts)
            left = looked if self.rules.lost_looks else tuple(draw.nano for _ in looked)
            yield "LOSE the draw's reply", self._heard(draw, left)._replace(lost=self.state.lost + 1)

    def _sent(self, nano: int) -> State:
        return self._asked("hk", "ql", self.instance._replace(draw=Draw(nano, self.instance.known)))

    def _asked(self, before: str, after: str, instance: Instance) -> State:
        state = self._become(instance)
        for which in self._of(before):
            request = state.requests[which]
            state = with_request(state, which, request._replace(st=after[before.index(request.st)]))
        return state

    def _landed(self, draw: Draw) -> State:
        if self.allotment.closed and self.rules.draw_cas:
            return self._lapsed()
        state = granted(self.state, self.touched, draw.nano)
        after = state if self.rules.own_result else self.state
        left = tuple(each.granted for each in after.accounts)
        state = with_instance(state, self.number, self.instance._replace(draw=draw._replace(left=left)))
        landed = self.allotment._replace(granted=self.allotment.granted + draw.nano)
        return with_document(state, self.at, landed, self.rules)

    def _lapsed(self) -> State:
        """Somebody has closed it: whoever waited for the draw asks anew."""
        state = self._become(self.instance._replace(draw=None))
        for which in self._of("kl"):
            state = with_request(state, which, Request())
        for which in self._of("hq"):
            request = state.requests[which]
            state = with_request(state, which, request._replace(holds=request.holds[:-1] + UNPAID))
            state = let_go(state, which, "w", self.rules)
        return state

    def _heard(self, draw: Draw, left: tuple[int, ...]) -> State:
        known = draw.known if self.rules.known_before else self.instance.known
        rest = [limit + known[n] - left[n] for n, limit in enumerate(self._limits()) if n in self.touched]
        kept = max(0, min(draw.nano, draw.nano + (min(rest) if self.rules.least else rest[0])))
        free = self.instance.free + (kept if self.rules.within else draw.nano)
        return self._become(self.instance._replace(draw=None, free=free, surplus=draw.nano - kept))

    def _limits(self) -> tuple[int, ...]:
        lower = _LOWER if self.instance.heard and self.rules.new_limit else 0
        return (self.bounds.budget - lower, *self.bounds.limits[1:])

    def _given_back(self) -> State:
        state = self._back(self.instance.surplus)
        known = tuple(each.returned for each in state.accounts)
        return with_instance(state, self.number, self.instance._replace(surplus=0, known=known))

    def _back(self, nano: int) -> State:
        """What somebody has closed meanwhile has come back already."""
        if self.allotment.closed or not nano:
            return self.state
        state = returned(self.state, self.touched if self.rules.back_to_all else self.touched[:1], nano)
        noted = self.allotment._replace(returned=self.allotment.returned + nano)
        return with_document(state, self.at, noted if self.rules.back_noted else self.allotment, self.rules)

    def _crashed(self) -> State:
        gone = Instance(alive=False, life=self.instance.life, used=self.instance.used)
        state = self._become(gone)
        draw = self.instance.draw
        if draw is not None and draw.left is None:
            state = state._replace(late=(*state.late, (self.at, draw.nano)))
        for which in self._of("klv"):
            state = with_request(state, which, Request())
        for which in self._of("hqat12"):
            request = state.requests[which]
            state = with_request(state, which, request._replace(st="o", holder=NOWHERE))
        return state._replace(crashes=state.crashes + 1)

    def _of(self, sts: str) -> list[int]:
        """The requests that it holds in one of these states."""
        return [
            n for n, each in enumerate(self.state.requests) if each.st in sts and each.holder == self.number
        ]

    def _become(self, instance: Instance) -> State:
        return with_instance(self.state, self.number, instance)
