"""The sweeper's steps in the budgets' model: an allotment is looked at, its charges added up, closed."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.money.book import returned, with_allotment
from tests.chaos.model.money.state import Bounds, Closer, Rules, State, touched

Step = tuple[str, State]
#: The states of a line that is out.
OUT = "bcyznu"


def closing(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Every step of the clock and of the sweeper."""
    for at, allotment in enumerate(state.allotments):
        if not allotment.over and allotment.granted and _may_pass(state, bounds):
            over = with_allotment(state, at, allotment._replace(over=True))
            yield "time passes", over if _all_done(state) else over._replace(expiries=state.expiries + 1)
    if state.day < bounds.days:
        yield "midnight comes", _midnight(state, rules)
    closer = state.closer
    if closer is None:
        yield from _looks(state, rules)
    elif closer.drawn is None:
        yield "add up", state._replace(closer=closer._replace(drawn=_drawn(state, closer.at, rules)))
    else:
        yield "close", _closed(state, closer, rules, bounds)


def _midnight(state: State, rules: Rules) -> State:
    over = (each._replace(over=each.over or (rules.day_ends and each.day == 0)) for each in state.allotments)
    return state._replace(day=1, allotments=tuple(over))


def _all_done(state: State) -> bool:
    return all(request.st == "d" for request in state.requests)


def _may_pass(state: State, bounds: Bounds) -> bool:
    return state.expiries < bounds.expiries or _all_done(state)


def _looks(state: State, rules: Rules) -> Iterator[Step]:
    for at, allotment in enumerate(state.allotments):
        again = not rules.close_once and allotment.returned <= allotment.granted
        if (allotment.closed and not again) or not allotment.granted or (rules.lease and not allotment.over):
            continue
        left = allotment.granted - (0 if allotment.closed else allotment.returned)
        if not rules.held_first:
            yield "add up", state._replace(closer=Closer(at, left, _drawn(state, at, rules)))
        elif not rules.unheld or not _is_held(state, at, rules):
            yield "look", state._replace(closer=Closer(at, left))


def _closed(state: State, closer: Closer, rules: Rules, bounds: Bounds) -> State:
    if not rules.held_first and _is_held(state, closer.at, rules):
        return state._replace(closer=None)
    allotment = state.allotments[closer.at]
    left = max(0, closer.left - (closer.drawn or 0))
    state = returned(state, touched(state, bounds, closer.at), left)
    done = allotment._replace(returned=allotment.returned + left, closed=True)
    return with_allotment(state, closer.at, done)._replace(closer=None)


def _is_held(state: State, at: int, rules: Rules) -> bool:
    """Who is accepted and not stamped yet has no hold anywhere."""
    holders = (each for each in state.requests if rules.line_held or each.st not in OUT)
    return any(each.at == at and each.holds for each in holders)


def _drawn(state: State, at: int, rules: Rules) -> int:
    return state.allotments[at].drawn if rules.less_drawn else 0
